"""The keyring on bad ground: odd texts, odd keys, a disk without room, another process at the same moment."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.vault.keyring import Keyring, VaultError

KEY = base64.urlsafe_b64encode(b"0123456789abcdef0123456789abcdef")

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(text=texts)
def test_any_text_is_opened_alike(text: str) -> None:
    assert Keyring(KEY).open(Keyring(KEY).seal(text)) == text


@given(one=texts, two=texts)
def test_digests_are_equal_exactly_where_the_texts_are(one: str, two: str) -> None:
    assert (Keyring(KEY).digest(one) == Keyring(KEY).digest(two)) is (one == two)


@pytest.mark.parametrize("sealed", ["not sealed", "gAAAAAB"])
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(VaultError, match="does not open"):
        Keyring(KEY).open(sealed)


@pytest.mark.parametrize("place", [0, 10, 30, 43])
@pytest.mark.parametrize("extra", [b"\n", b" ", b"!", b"\xff"])
def test_a_key_with_a_byte_too_many_is_not_read_past_it(place: int, extra: bytes) -> None:
    """It would seal alike and digest otherwise: every secret would look changed."""
    with pytest.raises(VaultError, match="32 bytes"):
        Keyring(KEY[:place] + extra + KEY[place:])


def test_a_key_file_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(VaultError, match=r"taken.key cannot be made"):
        Keyring.load_or_create(tmp_path / "taken" / "key")
    assert (tmp_path / "taken").read_text() == "mine"


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
