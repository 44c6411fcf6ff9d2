"""The encrypted file: names in clear, values sealed to their names, and damage told from a wrong key."""

from __future__ import annotations

import base64
import json
import multiprocessing
from pathlib import Path

import pytest

from declarative_paas.vault.encrypted_file import MAX_FILE_BYTES, EncryptedFile, editing
from declarative_paas.vault.keyring import Keyring, VaultError

KEY = Keyring(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
OTHER = Keyring(base64.urlsafe_b64encode(b"another key of 32 bytes, exactly"))
VALUE = 'hunter2 "ü"\nline two\\'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    with editing(path) as content:
        content.with_value("shop/token", VALUE, KEY).with_value("shop/key", "another", KEY).save()
    return path


def test_a_value_comes_back_and_does_not_show(path: Path) -> None:
    assert EncryptedFile.load(path).open("shop/token", KEY) == VALUE
    assert "hunter2" not in path.read_text()
    assert "gAAAA" not in repr(EncryptedFile.load(path))


def test_a_change_of_one_secret_is_a_change_of_one_line(path: Path) -> None:
    before = path.read_text().splitlines()
    with editing(path) as content:
        content.with_value("shop/token", "new", KEY).save()
    after = path.read_text().splitlines()
    assert [old.split(":")[0].strip() for old, new in zip(before, after, strict=True) if old != new] == ['"shop/token"']


def test_a_value_under_another_name_does_not_open(path: Path) -> None:
    content = json.loads(path.read_text())
    secrets = content["secrets"]
    secrets["shop/token"], secrets["shop/key"] = secrets["shop/key"], secrets["shop/token"]
    path.write_text(json.dumps(content))
    with pytest.raises(VaultError, match=r"value of shop/token in .* was altered"):
        EncryptedFile.load(path).open("shop/token", KEY)


def test_an_altered_value_does_not_open_and_its_neighbour_does(path: Path) -> None:
    content = json.loads(path.read_text())
    content["secrets"]["shop/token"] = content["secrets"]["shop/token"][:-6] + "AAAAA="
    path.write_text(json.dumps(content))
    with pytest.raises(VaultError, match=r"value of shop/token in .* was altered"):
        EncryptedFile.load(path).open("shop/token", KEY)
    assert EncryptedFile.load(path).open("shop/key", KEY) == "another"


def test_a_wrong_key_is_told_by_the_ids_of_both(path: Path) -> None:
    with pytest.raises(VaultError, match=f"sealed with key {KEY.id}, but the key given is {OTHER.id}"):
        EncryptedFile.load(path).open("shop/token", OTHER)
    with pytest.raises(VaultError, match=OTHER.id):
        EncryptedFile.load(path).with_value("shop/new", "x", OTHER)


@pytest.mark.parametrize(
    "spoilt",
    [
        "",
        "[]",
        '{"format": "dpaas encrypted secrets 1", "key": "x"}',
        '{"format": "dpaas encrypted secrets 1", "key": "x", "secrets": {"a": 1}}',
        '{"format": "dpaas encrypted secrets 1", "key": "x", "secrets": {"a": "hunter2", "a": "hunter2"}}',
        '<<<<<<< HEAD\n{"secrets": "hunter2"}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_what_is_no_such_file_is_said_to_be_damaged_without_quoting_it(path: Path, spoilt: str) -> None:
    path.write_bytes(spoilt.encode("utf-8", "surrogateescape"))
    with pytest.raises(VaultError, match="is damaged") as problem:
        EncryptedFile.load(path)
    assert "hunter2" not in str(problem.value)


def test_a_newer_format_and_a_huge_file_are_refused(path: Path) -> None:
    path.write_text('{"format": "dpaas encrypted secrets 2", "key": "x", "secrets": {}}')
    with pytest.raises(VaultError, match="newer format"):
        EncryptedFile.load(path)
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(VaultError, match="more than"):
        EncryptedFile.load(path)


def test_a_missing_name_and_a_missing_file_are_told_apart(path: Path) -> None:
    with pytest.raises(VaultError, match="holds no secret shop/other"):
        EncryptedFile.load(path).open("shop/other", KEY)
    with pytest.raises(VaultError, match="there is no file"):
        EncryptedFile.load(path.with_name("none.json"))


def test_a_removed_secret_is_gone_and_the_others_stay(path: Path) -> None:
    with editing(path) as content:
        content.without("shop/key").save()
    assert EncryptedFile.load(path).tokens.keys() == {"shop/token"}


def test_saving_leaves_nothing_beside_the_file(path: Path) -> None:
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.json"]


def _write(path: Path, number: int) -> None:
    with editing(path) as content:
        content.with_value(f"shop/{number}", str(number), KEY).save()


def test_two_who_write_at_once_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, number)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = EncryptedFile.load(path)
    assert {found.open(f"shop/{number}", KEY) for number in range(8)} == {str(number) for number in range(8)}
