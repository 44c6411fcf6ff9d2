"""The promises of `SecretStore`, kept by every implementation."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_case import DURABLE, KEY, KINDS, SCOPE, Bench, ManualClock, opened

from declarative_paas.core.state import StateError
from declarative_paas.core.values import SecretRef, Sensitive

OTHER_KEY = base64.urlsafe_b64encode(b"another key of 32 bytes, exactly")


@pytest.fixture(params=sorted(KINDS))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with opened(request.param, tmp_path) as bench:
        yield bench


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with opened(request.param, tmp_path) as bench:
        yield bench


def test_a_value_comes_back_with_its_ref(bench: Bench) -> None:
    ref = bench.store.put("shop/key", Sensitive("s3cret ü\n"))
    found = bench.another().get(ref)
    assert found.reveal() == "s3cret ü\n"
    assert found.ref is ref
    assert (ref.name, ref.version) == ("shop/key", 1)


def test_every_new_value_is_a_new_version_and_the_old_ones_stay(bench: Bench) -> None:
    refs = [bench.store.put("shop/key", Sensitive(text)) for text in ("one", "two", "one")]
    assert [ref.version for ref in refs] == [1, 2, 3]
    assert [bench.store.get(ref).reveal() for ref in refs] == ["one", "two", "one"]
    current = bench.store.current("shop/key")
    assert current is not None
    assert current.version == 3


def test_the_same_value_again_is_the_same_version(bench: Bench) -> None:
    first = bench.store.put("shop/key", Sensitive("one"))
    again = bench.another().put("shop/key", Sensitive("one"))
    assert (again.version, again.digest) == (first.version, first.digest)


def test_all_current_versions_are_had_at_once(bench: Bench) -> None:
    assert bench.store.refs() == {}
    for name, text in (("shop/key", "one"), ("api/key", "x"), *[("shop/key", str(number)) for number in range(12)]):
        bench.store.put(name, Sensitive(text))
    found = bench.another().refs()
    assert list(found) == bench.store.names() == ["api/key", "shop/key"]
    assert {name: (ref, ref.version) for name, ref in found.items()} == {
        "api/key": (bench.store.current("api/key"), 1),
        "shop/key": (bench.store.current("shop/key"), 13),
    }
    bench.store.remove("shop/key")
    assert list(bench.store.refs()) == ["api/key"]


def test_digests_tell_equal_from_different_and_not_the_value(bench: Bench) -> None:
    mine = bench.store.put("shop/key", Sensitive("one"))
    theirs = bench.store.put("blog/key", Sensitive("one"))
    other = bench.store.put("shop/token", Sensitive("two"))
    assert mine.digest == theirs.digest != other.digest
    assert "one" not in mine.digest


def test_names_are_sorted_and_a_removed_secret_is_gone_with_every_version(bench: Bench) -> None:
    first = bench.store.put("b", Sensitive("one"))
    second = bench.store.put("b", Sensitive("two"))
    bench.store.put("a", Sensitive("one"))
    assert list(bench.store.names()) == ["a", "b"]
    assert bench.store.remove("b")
    assert not bench.store.remove("b")
    assert list(bench.store.names()) == ["a"]
    assert bench.store.current("b") is None
    for ref in (first, second):
        with pytest.raises(StateError, match=f"b version {ref.version} is not stored"):
            bench.store.get(ref)


def test_a_ref_from_before_a_removal_never_opens_the_value_that_came_after(bench: Bench) -> None:
    old = bench.store.put("shop/key", Sensitive("old"))
    bench.store.remove("shop/key")
    new = bench.store.put("shop/key", Sensitive("new"))
    assert new.version == old.version
    with pytest.raises(StateError, match="is not stored"):
        bench.store.get(old)
    assert bench.store.get(new).reveal() == "new"


def test_a_version_that_was_never_stored_is_refused(bench: Bench) -> None:
    ref = bench.store.put("shop/key", Sensitive("one"))
    with pytest.raises(StateError, match="version 2"):
        bench.store.get(SecretRef("shop/key", 2, ref.digest))
    with pytest.raises(StateError, match="shop/kex"):
        bench.store.get(SecretRef("shop/kex", 1, ref.digest))


def test_no_file_holds_a_value_in_plain(durable: Bench) -> None:
    value = "correct horse battery staple"
    ref = durable.store.put("shop/key", Sensitive(value))
    durable.store.put("shop/key", Sensitive(f"{value} 2"))
    durable.store.acquire(SCOPE, "ann", 60)
    contents = [path.read_bytes() for path in durable.kind.files(durable.place)]
    assert any(ref.digest.encode() in content for content in contents), (
        "the digest is there, so this looks in the right files"
    )
    for form in (value.encode(), base64.b64encode(value.encode()), value.encode("utf-16-le"), value[:12].encode()):
        assert not any(form in content for content in contents)


def test_another_key_neither_opens_nor_stores(bench: Bench) -> None:
    ref = bench.store.put("shop/key", Sensitive("one"))
    stranger = bench.another(OTHER_KEY)
    with pytest.raises(StateError, match="put the key file back"):
        stranger.get(ref)
    with pytest.raises(StateError, match="put the key file back"):
        stranger.put("shop/other", Sensitive("two"))
    stranger.close()
    assert list(bench.store.names()) == ["shop/key"]
    assert bench.store.get(ref).reveal() == "one"


def test_a_value_that_is_no_text_is_refused_and_not_told(bench: Bench) -> None:
    with pytest.raises(StateError, match="base64") as refusal:
        bench.store.put("shop/key", Sensitive("hunter2\udcff"))
    chain = [refusal.value, refusal.value.__cause__]
    assert "hunter2" not in repr(chain)
    assert not bench.store.names()


@settings(max_examples=40, deadline=None)
@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_alike(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    for kind in KINDS.values():
        store = kind.open(tmp_path_factory.mktemp("secrets"), ManualClock(), KEY)
        assert store.get(store.put("shop/key", Sensitive(value))).reveal() == value
        store.close()


RENEWED = OTHER_KEY + b"\n" + KEY
"""The key file after a new key was put before the first."""


def test_what_is_sealed_anew_keeps_its_versions_digests_and_values(bench: Bench) -> None:
    refs = [
        bench.store.put(name, Sensitive(f"{name} {number}")) for name in ("shop/key", "blog/key") for number in (1, 2)
    ]
    times = bench.store.stored_at()
    renewed = bench.another(RENEWED)
    assert renewed.reseal() == 4
    assert [renewed.get(ref).reveal() for ref in refs] == ["shop/key 1", "shop/key 2", "blog/key 1", "blog/key 2"]
    assert {name: (ref.version, ref.digest) for name, ref in renewed.refs().items()} == {
        "shop/key": (2, refs[1].digest),
        "blog/key": (2, refs[3].digest),
    }
    assert renewed.stored_at() == times
    assert renewed.put("shop/key", Sensitive("shop/key 2")).version == 2
    renewed.close()


def test_after_sealing_anew_the_earlier_key_alone_is_refused(bench: Bench) -> None:
    ref = bench.store.put("shop/key", Sensitive("one"))
    renewed = bench.another(RENEWED)
    renewed.reseal()
    renewed.close()
    stranger = bench.another()
    with pytest.raises(StateError, match="put the key file back"):
        stranger.get(ref)
    with pytest.raises(StateError, match="put the key file back"):
        stranger.reseal()
    stranger.close()


def test_between_the_new_key_and_the_sealing_everything_opens_and_new_values_are_stored(bench: Bench) -> None:
    old = bench.store.put("shop/key", Sensitive("one"))
    renewed = bench.another(RENEWED)
    new = renewed.put("shop/key", Sensitive("two"))
    assert [renewed.get(ref).reveal() for ref in (old, new)] == ["one", "two"]
    assert renewed.reseal() == 2
    assert [renewed.get(ref).reveal() for ref in (old, new)] == ["one", "two"]
    renewed.close()


def test_one_damaged_value_leaves_all_others_sealed_as_before(tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as bench:
        ref = bench.store.put("shop/key", Sensitive("one"))
        bench.store.put("shop/spoilt", Sensitive("two"))
        with closing(sqlite3.connect(bench.place / "state.db")) as connection, connection:
            connection.execute("UPDATE secrets SET sealed = substr(sealed, 1, 40) WHERE name = 'shop/spoilt'")
        renewed = bench.another(RENEWED)
        with pytest.raises(StateError, match="secret shop/spoilt"):
            renewed.reseal()
        renewed.close()
        assert bench.store.get(ref).reveal() == "one"


def test_nothing_is_sealed_anew_where_nothing_is(bench: Bench) -> None:
    assert bench.store.reseal() == 0
    assert bench.store.stored_at() == {}


def test_each_secret_tells_when_its_newest_version_was_stored(durable: Bench) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    durable.store.put("shop/key", Sensitive("one"))
    durable.store.put("shop/key", Sensitive("two"))
    times = durable.another().stored_at()
    assert list(times) == ["shop/key"]
    assert before <= times["shop/key"] <= datetime.now(UTC)
