"""The promises of `SecretStore`, kept by every implementation."""

from __future__ import annotations

import base64
from collections.abc import Iterator
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
