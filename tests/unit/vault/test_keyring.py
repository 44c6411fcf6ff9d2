"""The keyring: one key a platform, made once, and nothing told of what it seals."""

from __future__ import annotations

import base64
import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from declarative_paas.vault.keyring import Keyring, VaultError, add_key, sealed_at

KEY = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER = base64.urlsafe_b64encode(b"another key of 32 bytes, exactly")


def test_what_is_sealed_opens_and_does_not_show() -> None:
    sealed = Keyring(KEY).seal("hunter2 ü")
    assert "hunter2" not in sealed
    assert Keyring(KEY).open(sealed) == "hunter2 ü"


def test_the_same_text_is_sealed_differently_every_time() -> None:
    assert Keyring(KEY).seal("x") != Keyring(KEY).seal("x")


@pytest.mark.parametrize("spoil", [lambda text: text[:-8], lambda text: text.swapcase(), lambda _: "", lambda _: "ü"])
def test_an_altered_sealed_value_does_not_open(spoil) -> None:  # type: ignore[no-untyped-def]
    keyring = Keyring(KEY)
    with pytest.raises(VaultError, match=f"does not open with key {keyring.id}"):
        keyring.open(spoil(keyring.seal("hunter2")))


def test_another_key_opens_nothing_and_digests_differently() -> None:
    with pytest.raises(VaultError):
        Keyring(OTHER).open(Keyring(KEY).seal("hunter2"))
    assert Keyring(KEY).digest("x") != Keyring(OTHER).digest("x")
    assert Keyring(KEY).id != Keyring(OTHER).id


def test_digests_are_equal_for_equal_texts_only() -> None:
    keyring = Keyring(KEY)
    assert keyring.digest("x") == Keyring(KEY).digest("x") != keyring.digest("y")


def test_a_text_that_is_no_unicode_is_refused_without_quoting_it() -> None:
    for use in (Keyring(KEY).seal, Keyring(KEY).digest):
        with pytest.raises(VaultError, match="not valid Unicode") as refusal:
            use("hunter2\udcff")
        assert "hunter2" not in repr([refusal.value, refusal.value.__cause__])


def test_the_key_shows_in_no_text() -> None:
    keyring = Keyring(KEY)
    assert KEY.decode() not in f"{keyring!r} {keyring} {keyring.id}"


def test_a_new_key_file_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret.key"
    first = Keyring.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.load_or_create(path).id == first.id == Keyring.load(path).id
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"no key file at .*secret\.key"):
        Keyring.load(tmp_path / "secret.key")


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 44, base64.urlsafe_b64encode(b"x" * 31)])
def test_a_damaged_key_file_is_told_and_never_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    for load in (Keyring.load, Keyring.load_or_create):
        with pytest.raises(VaultError, match=r"not 32 bytes in URL-safe base64.*secret\.key"):
            load(path)
    assert path.read_bytes() == content


def test_a_key_file_that_is_a_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        Keyring.load_or_create(tmp_path)


def test_processes_that_make_the_key_at_once_agree_on_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as pool:
        for number in range(10):
            ids = pool.map(_key_id, [tmp_path / str(number) / "secret.key"] * 8, chunksize=1)
            assert len(set(ids)) == 1


def _key_id(path: Path) -> str:
    return Keyring.load_or_create(path).id


def test_the_time_of_sealing_is_read_from_the_beginning_alone() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    sealed = Keyring(KEY).seal("hunter2")
    assert before <= sealed_at(sealed[:12]) == sealed_at(sealed) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "hunter2 is no token", "////////////"])
def test_what_is_not_sealed_has_no_time(text: str) -> None:
    with pytest.raises(VaultError, match="no sealed value"):
        sealed_at(text)


def test_the_newest_key_seals_and_every_key_opens() -> None:
    old, renewed = Keyring(KEY), Keyring(OTHER, KEY)
    assert renewed.open(old.seal("one")) == "one"
    with pytest.raises(VaultError, match=f"does not open with key {old.id}"):
        old.open(renewed.seal("two"))
    assert Keyring(OTHER).open(renewed.seal("two")) == "two"
    assert renewed.ids == (Keyring(OTHER).id, old.id)


def test_digests_survive_a_new_key() -> None:
    assert Keyring(OTHER, KEY).digest("one") == Keyring(KEY).digest("one")


def test_what_is_sealed_anew_opens_with_the_new_key_alone_and_keeps_its_time() -> None:
    sealed = Keyring(KEY).seal("one")
    again = Keyring(OTHER, KEY).reseal(sealed)
    assert Keyring(OTHER).open(again) == "one"
    assert sealed_at(again) == sealed_at(sealed)
    with pytest.raises(VaultError):
        Keyring(OTHER, KEY).reseal(sealed[:-8])


def test_a_new_key_goes_before_the_others_and_no_copy_is_left(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    first = Keyring.load_or_create(path)
    second, third = add_key(path), add_key(path)
    assert third.ids == (third.id, second.id, first.id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert third.digest("x") == first.digest("x")


def test_no_key_is_put_before_a_damaged_or_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with pytest.raises(VaultError, match="no key file"):
        add_key(path)
    path.write_text("damaged")
    with pytest.raises(VaultError, match="damaged"):
        add_key(path)
    assert path.read_text() == "damaged"
