"""What happens to the file from outside: noise in it, another file in its place, no place for it."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from broken_case import NOW, SCOPE, contents, make_state, open_state, put

from declarative_paas.core.state import StateError
from declarative_paas.state.backup import backup

PAGE = 4096


@pytest.mark.parametrize("seed", range(12))
def test_noise_anywhere_is_told_or_reads_as_records_and_is_never_a_crash(tmp_path: Path, seed: int) -> None:
    make_state(tmp_path / "whole.db")
    content = (tmp_path / "whole.db").read_bytes()
    dice = random.Random(seed)
    told = 0
    for page in range(len(content) // PAGE):
        path = tmp_path / f"{page}.db"
        start = page * PAGE + dice.choice((0, dice.randrange(PAGE)))
        noise = dice.randbytes(min(dice.choice((1, 8, 500, PAGE)), len(content) - start))
        path.write_bytes(content[:start] + noise + content[start + len(noise) :])
        store = open_state(path)
        try:
            store.snapshot(SCOPE)
            store.history(SCOPE)
            store.names()
            store.commit(store.acquire(SCOPE, "bob", 60), results=[put("a1", size=7)])
        except StateError as refusal:
            assert str(path) in str(refusal)
            told += 1
        finally:
            store.close()
    assert told > 0, "the noise hit something"


def test_a_state_that_is_removed_under_a_running_apply_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    before = make_state(path)
    store = open_state(path)
    lease = store.acquire(SCOPE, "ann", 60)
    path.rename(tmp_path / "away.db")
    with pytest.raises(StateError, match="was removed while it was in use"):
        store.commit(lease, results=[put("late")])
    (tmp_path / "away.db").rename(path)
    assert store.commit(lease, results=[put("late")]) == before.serial + 1
    store.close()


def test_a_state_that_is_replaced_under_a_running_apply_is_not_written_on(tmp_path: Path) -> None:
    path, other = tmp_path / "state.db", tmp_path / "other.db"
    make_state(path)
    restored = make_state(other, apps=2)
    store = open_state(path)
    lease = store.acquire(SCOPE, "ann", 60)
    other.replace(path)
    for use in (lambda: store.commit(lease, results=[put("late")]), lambda: store.snapshot(SCOPE)):
        with pytest.raises(StateError, match="was replaced while it was in use"):
            use()
    store.close()
    for name in ("state.db-wal", "state.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    again = open_state(path)
    assert again.snapshot(SCOPE) == restored
    again.close()


def test_a_holder_of_a_state_that_was_made_anew_cannot_write_with_its_old_lease(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old = open_state(path)
    lease = old.acquire(SCOPE, "ann", 60)
    old.close()
    path.unlink()
    new = open_state(path)
    assert new.acquire(SCOPE, "bob", 60).fence == lease.fence
    with pytest.raises(StateError, match="its last holder is bob"):
        new.commit(lease, results=[put("late")])
    assert not new.snapshot(SCOPE).resources
    new.close()


def test_another_programs_table_of_our_name_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE meta (a TEXT, b TEXT)")
    before = contents(tmp_path)
    with pytest.raises(StateError, match="cannot be used"):
        open_state(path).acquire(SCOPE, "ann", 60)
    assert contents(tmp_path) == before


def test_no_backup_is_kept_of_a_damaged_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    content = path.read_bytes()
    path.write_bytes(content[: 2 * PAGE] + bytes(PAGE) + content[3 * PAGE :])
    with pytest.raises(StateError, match="is damaged"):
        backup(path, now=NOW)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_file_where_its_directory_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StateError, match="cannot be used"):
        open_state(tmp_path / "taken" / "state.db").acquire(SCOPE, "ann", 60)
    assert contents(tmp_path) == {"taken": b"mine"}


MAKE = """
import os, sys
from pathlib import Path
from broken_case import SCOPE, open_state
from declarative_paas.core.state import StateError
if os.geteuid() == 0:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
try:
    open_state(Path(sys.argv[1])).acquire(SCOPE, "ann", 60)
except StateError as refusal:
    print(refusal)
"""


@pytest.mark.parametrize("name", ["state.db", "deeper/state.db"])
def test_a_state_that_may_not_be_made_is_told(open_directory: Path, name: str) -> None:
    open_directory.chmod(0o555)
    search = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    maker = subprocess.run(
        [sys.executable, "-c", MAKE, str(open_directory / name)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
    )
    open_directory.chmod(0o777)
    assert maker.stderr == ""
    assert "(Permission denied)" in maker.stdout
    assert list(open_directory.iterdir()) == []


LIGHT = """
import sys
from pathlib import Path
from broken_case import SCOPE, open_state, put
store = open_state(Path(sys.argv[1]))
lease = store.acquire(SCOPE, "ann", 60)
store.commit(lease, results=[put("shop")])
store.snapshot(SCOPE), store.names(), store.current("shop/key")
print([name for name in ("cryptography", "pydantic", "yaml", "psycopg", "networkx") if name in sys.modules])
"""


def test_opening_reading_and_writing_records_loads_no_heavy_module(tmp_path: Path) -> None:
    search = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    user = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path / "state.db")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
    )
    assert (user.stdout, user.stderr) == ("[]\n", "")
