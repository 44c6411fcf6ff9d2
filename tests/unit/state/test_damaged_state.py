"""A state that cannot be used is told in words and keeps every byte."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from state_case import NOW, SCOPE, fill, store_at

from declarative_paas.core.state import StateError
from declarative_paas.core.values import Sensitive
from declarative_paas.state.backup import backup

PAGE = 4096


def _random(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(40_000))


def _cut(size: int) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        fill(path)
        assert path.stat().st_size > size
        os.truncate(path, size)

    return cut


def _text(path: Path) -> None:
    path.write_text('{"version": 4, "lineage": "of another tool"}')


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.commit()


def _namesake(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE meta (a TEXT, b TEXT)")
        connection.commit()


def _formatless(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'format'")
        connection.commit()


def _newer(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
        connection.commit()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "random bytes": (_random, "is not a state"),
    "another kind of file": (_text, "is not a state"),
    "cut to zero bytes": (_cut(0), "is empty"),
    "cut within the header": (_cut(50), "is not a state|is damaged"),
    "cut within a page": (_cut(3 * PAGE + 100), "is damaged"),
    "cut between pages": (_cut(2 * PAGE), "is damaged"),
    "another program's database": (_foreign, "another program"),
    "another program's table of our name": (_namesake, "cannot be used"),
    "no format": (_formatless, "does not tell its format"),
    "a newer format": (_newer, "format 99, this version knows 1: use the newer dpaas"),
}


def refusals(path: Path) -> list[str]:
    """What reading, locking, storing a secret and copying say of the state, each in a store of its own."""
    attempts: list[Callable[[], object]] = [
        lambda: store_at(path).snapshot(SCOPE),
        lambda: store_at(path).acquire(SCOPE, "ann", 60),
        lambda: store_at(path).put("shop/key", Sensitive("one")),
    ]
    told: list[str] = []
    for attempt in attempts:
        with pytest.raises(StateError) as refusal:
            attempt()
        told.append(str(refusal.value))
    return told


@pytest.mark.parametrize("name", DAMAGES)
def test_a_file_that_is_no_sound_state_is_refused_in_words_and_keeps_every_byte(tmp_path: Path, name: str) -> None:
    damage, words = DAMAGES[name]
    path = tmp_path / "state.db"
    damage(path)
    before = path.read_bytes()
    for text in refusals(path):
        assert str(path) in text
        pytest.raises(StateError, _raise, text).match(words)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["state.db"]


def _raise(text: str) -> None:
    raise StateError(text)


def test_a_directory_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.mkdir()
    assert all("is a directory" in text for text in refusals(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_where_its_directory_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StateError, match="cannot be used"):
        store_at(tmp_path / "taken" / "state.db").acquire(SCOPE, "ann", 60)
    assert (tmp_path / "taken").read_text() == "mine"


def test_transactions_of_a_file_that_was_taken_away_are_not_replayed_into_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    (tmp_path / "state.db-wal").write_bytes(b"left over")
    assert all("state.db-wal is still there" in text for text in refusals(path))
    assert not path.exists()


@pytest.mark.parametrize("seed", range(12))
def test_bytes_overwritten_anywhere_are_refused_in_words_or_read_as_records(tmp_path: Path, seed: int) -> None:
    """Every page in turn gets noise in it: no trial ends in an exception that is not told for a person."""
    whole = tmp_path / "whole.db"
    fill(whole)
    content = whole.read_bytes()
    dice = random.Random(seed)
    told = 0
    for page in range(len(content) // PAGE):
        path = tmp_path / f"{page}.db"
        damaged = bytearray(content)
        start = page * PAGE + dice.choice((0, dice.randrange(PAGE)))
        noise = dice.randbytes(min(dice.choice((1, 8, 500, PAGE)), len(content) - start))
        damaged[start : start + len(noise)] = noise
        path.write_bytes(damaged)
        store = store_at(path)
        try:
            store.snapshot(SCOPE)
            store.history(SCOPE)
            store.acquire(SCOPE, "bob", 60)
        except StateError as refusal:
            assert str(path) in str(refusal)
            told += 1
        finally:
            store.close()
    assert told > 0


def test_a_record_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE resources SET body = '{}' WHERE address = 'app.a7'")
        connection.commit()
    with pytest.raises(StateError, match="damaged record"):
        store_at(path).snapshot(SCOPE)


def test_a_damaged_state_is_not_copied_over_good_backups(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fill(path)
    content = bytearray(path.read_bytes())
    content[2 * PAGE : 3 * PAGE] = bytes(PAGE)
    path.write_bytes(content)
    with pytest.raises(StateError):
        backup(path, now=NOW)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_state_that_was_removed_or_replaced_under_a_running_apply_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    fill(path)
    store = store_at(path)
    lease = store.acquire(SCOPE, "ann", 60)
    path.rename(tmp_path / "away.db")
    with pytest.raises(StateError, match="was removed while it was in use"):
        store.commit(lease)
    fill(path, count=2)
    with pytest.raises(StateError, match="was replaced while it was in use"):
        store.commit(lease)
    store.close()
    assert len(store_at(path).snapshot(SCOPE).resources) == 2


# Permissions: root may do everything, so the one who may not is another user.


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """Every user may look into it, which is not so for the test's own directory under root."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


LOOK = """
import os, sys
from pathlib import Path
from state_case import SCOPE, store_at
from declarative_paas.core.state import StateError
import declarative_paas.state.backup
if os.geteuid() == 0:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
store = store_at(Path(sys.argv[1]))
try:
    store.acquire(SCOPE, "ann", 60) if sys.argv[2] == "write" else store.snapshot(SCOPE)
except StateError as refusal:
    print(refusal)
else:
    print("allowed")
"""


def look(path: Path, what: str) -> str:
    """What an ordinary user's process gets to hear."""
    process = subprocess.run(
        [sys.executable, "-c", LOOK, str(path), what],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    assert process.stderr == ""
    return process.stdout.strip()


def test_a_state_that_may_not_be_read_is_told(open_directory: Path) -> None:
    path = open_directory / "state.db"
    fill(path)
    path.chmod(0)
    before = os.stat(path)
    assert "cannot be opened" in look(path, "read")
    assert os.stat(path) == before


def test_a_state_that_may_not_be_written_is_told(open_directory: Path) -> None:
    path = open_directory / "state.db"
    fill(path)
    path.chmod(0o444)
    open_directory.chmod(0o555)
    try:
        assert "cannot be opened" in look(path, "write") or "may not be written" in look(path, "write")
    finally:
        open_directory.chmod(0o755)


def test_a_state_that_cannot_be_made_is_told(open_directory: Path) -> None:
    open_directory.chmod(0o555)
    try:
        assert "Permission denied" in look(open_directory / "state.db", "write")
        assert "Permission denied" in look(open_directory / "deeper" / "state.db", "write")
    finally:
        open_directory.chmod(0o755)
    assert list(open_directory.iterdir()) == []
