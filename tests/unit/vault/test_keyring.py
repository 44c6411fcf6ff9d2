"""The platform's key: made once, told to nobody, and what it seals opens with it alone."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.vault.keyring import Keyring, VaultError

KEY = base64.urlsafe_b64encode(b"0123456789abcdef0123456789abcdef")
OTHER = base64.urlsafe_b64encode(b"fedcba9876543210fedcba9876543210")

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(text=texts)
def test_what_was_sealed_opens_alike_and_no_two_seals_are_equal(text: str) -> None:
    keyring = Keyring(KEY)
    sealed = keyring.seal(text)
    assert keyring.open(sealed) == text
    assert keyring.seal(text) != sealed


@given(one=texts, two=texts)
def test_digests_are_equal_exactly_where_the_texts_are(one: str, two: str) -> None:
    keyring = Keyring(KEY)
    assert (keyring.digest(one) == keyring.digest(two)) is (one == two)


def test_without_the_key_a_digest_cannot_be_guessed() -> None:
    assert Keyring(KEY).digest("hunter2") != Keyring(OTHER).digest("hunter2")


def test_another_key_does_not_open_and_is_named_by_its_id() -> None:
    sealed = Keyring(KEY).seal("hunter2")
    stranger = Keyring(OTHER)
    with pytest.raises(VaultError, match=stranger.id) as refusal:
        stranger.open(sealed)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("place", [0, 20, -3])
def test_a_sealed_value_that_was_altered_does_not_open(place: int) -> None:
    sealed = bytearray(Keyring(KEY).seal("hunter2").encode())
    sealed[place] = ord("A") if sealed[place] != ord("A") else ord("B")
    with pytest.raises(VaultError):
        Keyring(KEY).open(sealed.decode())


@pytest.mark.parametrize("sealed", ["", "not sealed", "gAAAAAB", "ü", "\udcff"])
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(VaultError):
        Keyring(KEY).open(sealed)


def test_a_text_that_cannot_be_stored_is_refused_and_not_told() -> None:
    for act in (Keyring(KEY).seal, Keyring(KEY).digest):
        with pytest.raises(VaultError) as refusal:
            act("hunter2\udcff")
        assert "hunter2" not in repr([refusal.value, refusal.value.__cause__])


def test_neither_id_nor_repr_tells_the_key() -> None:
    keyring = Keyring(KEY)
    for told in (keyring.id, repr(keyring), str(keyring)):
        assert KEY.decode() not in told
        assert "0123456789abcdef" not in told
    assert keyring.id != Keyring(OTHER).id


@pytest.mark.parametrize(
    "key",
    [b"", b"short", KEY[:-4], KEY + b"AAAA", KEY[:10] + b"\n" + KEY[10:], KEY[:10] + b" " + KEY[10:], b"!" * 44],
)
def test_a_malformed_key_is_refused(key: bytes) -> None:
    with pytest.raises(VaultError, match="32 bytes"):
        Keyring(key)


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    made = Keyring.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert Keyring.load_or_create(path).id == Keyring.load(path).id == made.id
    assert path.read_bytes() == content
    assert [item.name for item in path.parent.iterdir()] == ["key"]


def test_a_missing_key_file_is_told_where_none_may_be_made(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="no key file at"):
        Keyring.load(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"nonsense\n", KEY + KEY])
def test_a_damaged_key_file_is_told_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(VaultError, match="is damaged; put the right key file back"):
        Keyring.load_or_create(path)
    assert path.read_bytes() == content


def test_a_key_file_that_cannot_be_made_or_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(VaultError, match="cannot be (made|read)"):
        Keyring.load_or_create(tmp_path / "taken" / "key")
    (tmp_path / "folder").mkdir()
    with pytest.raises(VaultError, match="cannot be read"):
        Keyring.load_or_create(tmp_path / "folder")


CRAMPED = """
import resource, sys
from pathlib import Path
from declarative_paas.vault.keyring import Keyring, VaultError
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    Keyring.load_or_create(Path(sys.argv[1]))
except VaultError as refusal:
    print(refusal)
"""


def test_a_disk_without_room_for_the_key_leaves_no_half_of_one(tmp_path: Path) -> None:
    maker = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(tmp_path / "key")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert maker.stderr == ""
    assert "cannot be made" in maker.stdout
    assert list(tmp_path.iterdir()) == []


RACER = """
import sys
from pathlib import Path
from declarative_paas.vault.keyring import Keyring
print("ready", flush=True)
for line in sys.stdin:
    print(Keyring.load_or_create(Path(line.strip())).id, flush=True)
"""


def test_processes_that_make_the_key_at_once_get_the_same_one(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(2)
    ]
    try:
        for racer in racers:
            assert racer.stdout and racer.stdout.readline() == "ready\n"
        for number in range(40):
            path = tmp_path / str(number)
            for racer in racers:
                assert racer.stdin
                racer.stdin.write(f"{path}\n")
                racer.stdin.flush()
            ids = {racer.stdout.readline().strip() for racer in racers if racer.stdout}
            assert ids == {Keyring.load(path).id}
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    assert len(list(tmp_path.iterdir())) == 40
