"""What an app is called in its region: it stays through every renaming, and two apps are never called the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.hosting.app_names import FORMER, NAME, AppNames
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.local.records import RecordStore

SCOPE = Scope("acme")
PEOPLE = ("shop", "store", "blog", "wiki")


@pytest.fixture
def records() -> Iterator[RecordStore]:
    with tempfile.TemporaryDirectory() as name, closing(RecordStore(Path(name) / "region.db")) as store:
        yield store


def made(records: RecordStore, scope: Scope, app: str, instance: str) -> str:
    """As the app's first step does."""
    address = ResourceAddress("app", app)
    name = AppNames(lambda: records).of_new(scope, address, instance)
    records.put(str(scope), (address, instance), Record(attributes={"name": app}, facts={NAME: name}))
    return name


def renamed(records: RecordStore, old: str, new: str, instance: str) -> None:
    before, after = ResourceAddress("app", old), ResourceAddress("app", new)
    record = records.get(str(SCOPE), (before, instance))
    assert record is not None
    facts = {**record.facts, FORMER: old}
    records.put(str(SCOPE), (after, instance), Record(attributes={"name": new}, facts=facts))
    records.remove(str(SCOPE), (before, instance))


def test_a_renamed_app_is_called_as_before_by_either_name(records: RecordStore):
    assert made(records, SCOPE, "shop", "i1") == "shop"
    renamed(records, "shop", "store", "i1")
    names = AppNames(lambda: records)
    assert (names.name(SCOPE, "store"), names.name(SCOPE, "shop"), names.name(SCOPE, "blog")) == (
        "shop",
        "shop",
        "blog",
    )


def test_who_takes_an_old_name_is_called_otherwise(records: RecordStore):
    made(records, SCOPE, "shop", "i1")
    renamed(records, "shop", "store", "i1")
    assert made(records, SCOPE, "shop", "i2") == "shop-i2"
    names = AppNames(lambda: records)
    assert (names.name(SCOPE, "store"), names.name(SCOPE, "shop")) == ("shop", "shop-i2")


def test_a_name_that_another_scope_s_app_has_for_people_too_is_refused(records: RecordStore):
    made(records, Scope("other"), "shop", "i1")
    with pytest.raises(ProviderError, match=r"the name shop is taken in this region by app\.shop of other") as refused:
        made(records, SCOPE, "shop", "i2")
    assert refused.value.kind is ErrorKind.CONFLICT
    # An environment's apps carry its name.
    assert made(records, Scope("acme", "staging"), "shop", "i3") == "shop--staging"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(("make", "rename", "remove")), st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)))
)
def test_however_apps_come_go_and_are_renamed_each_has_one_name_for_life(steps: list[tuple[str, str, str]]):
    with tempfile.TemporaryDirectory() as name, closing(RecordStore(Path(name) / "region.db")) as records:
        living: dict[str, tuple[str, str]] = {}
        for number, (step, app, other) in enumerate(steps):
            instance = f"i{number}"
            if step == "make" and app not in living:
                living[app] = (instance, made(records, SCOPE, app, instance))
            elif step == "rename" and app in living and other not in living:
                living[other] = living.pop(app)
                renamed(records, app, other, living[other][0])
            elif step == "remove" and app in living:
                records.remove(str(SCOPE), (ResourceAddress("app", app), living.pop(app)[0]))
            names = AppNames(lambda: records)
            assert {app: names.name(SCOPE, app) for app in living} == {app: found for app, (_, found) in living.items()}
            assert len({found for _, found in living.values()}) == len(living)
