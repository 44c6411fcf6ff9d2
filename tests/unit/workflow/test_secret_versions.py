"""Values from sources become versions in the moment of an apply, and only those that its plan names."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Action, Change, FieldChange, Plan
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.state.memory import MemoryState, MemoryStore
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow.secret_sources import NOT_STORED, SourcedSecrets
from declarative_paas.workflow.secret_versions import moved_secrets, store_sourced
from declarative_paas.workflow.stale import StalePlan
from declarative_paas.workflow.world import SystemClock


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.load_or_create(tmp_path / "secret.key")


@pytest.fixture
def store(keyring: Keyring) -> MemoryStore:
    return MemoryStore(MemoryState(), clock=SystemClock(), keyring=lambda: keyring)


def plan_with(*refs: SecretRef) -> Plan:
    after = {"vars": {f"K{number}": ref for number, ref in enumerate(refs)}, "list": [{"deep": refs[0]}]}
    change = Change(
        address=ResourceAddress("config", "shop"),
        action=Action.UPDATE,
        region="us",
        instance="i1",
        after=after,
        fields=tuple(FieldChange(path=f"vars.K{number}", before=None, after=ref) for number, ref in enumerate(refs)),
    )
    return Plan(
        scope=Scope("acme", "default"), lineage="", serial=0, tool_version="", catalog_digest="", changes=(change,)
    )


def test_each_value_is_stored_once_and_stands_in_the_plan_by_its_version(store: MemoryStore, keyring: Keyring) -> None:
    stored = store.put("stored", Sensitive("s"))
    unstored = SecretRef("sourced", NOT_STORED, keyring.digest("new"))
    values = {"sourced": Sensitive("new"), "unused": Sensitive("u")}
    [change] = store_sourced(plan_with(unstored, stored, unstored), values, store).changes
    assert change.after is not None
    found = [*change.after["vars"].values(), change.after["list"][0]["deep"], *(item.after for item in change.fields)]
    assert [ref.version for ref in found if ref.name == "sourced"] == [1] * 5
    assert store.names() == ["sourced", "stored"]
    assert store.get(found[0]).reveal() == "new"


def test_a_plan_made_before_there_was_a_key_takes_the_value_that_is_there(store: MemoryStore, keyring: Keyring) -> None:
    [change] = store_sourced(plan_with(SecretRef("sourced", NOT_STORED)), {"sourced": Sensitive("v")}, store).changes
    assert change.after is not None
    assert change.after["vars"]["K0"].digest == keyring.digest("v")


def test_another_value_than_was_planned_with_is_refused(store: MemoryStore, keyring: Keyring) -> None:
    plan = plan_with(SecretRef("sourced", NOT_STORED, keyring.digest("planned")))
    with pytest.raises(StalePlan, match="secret sourced has another value"):
        store_sourced(plan, {"sourced": Sensitive("swapped")}, store)
    now = SourcedSecrets(refs={"sourced": SecretRef("sourced", NOT_STORED, keyring.digest("swapped"))})
    assert moved_secrets(plan, now) == ["secret sourced has another value"]
    assert moved_secrets(plan, SourcedSecrets()) == ["secret sourced is not taken from a source any more"]
    same = SourcedSecrets(refs={"sourced": SecretRef("sourced", 3, keyring.digest("planned"))})
    assert moved_secrets(plan, same) == []


def test_a_plan_without_sourced_secrets_is_applied_as_it_is(store: MemoryStore) -> None:
    plan = plan_with(store.put("stored", Sensitive("s")))
    assert store_sourced(plan, {}, store) is plan
