"""A file that cannot be used is told of, and keeps every byte."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from broken_case import KEY, SCOPE, contents, make_state, open_state, put

from declarative_paas.core.state import StateError
from declarative_paas.core.values import Sensitive
from declarative_paas.state.sqlite import SqliteStore

NOBODY = 65534

USES: Mapping[str, Callable[[SqliteStore], object]] = {
    "snapshot": lambda store: store.snapshot(SCOPE),
    "acquire": lambda store: store.acquire(SCOPE, "ann", 60),
    "history": lambda store: store.history(SCOPE),
    "put": lambda store: store.put("shop/key", Sensitive("x")),
    "names": lambda store: store.names(),
}

DAMAGES: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "random": (lambda _: bytes((number * 167 + 13) % 256 for number in range(20_000)), "is not a state"),
    "one byte": (lambda _: b"x", "is not a state"),
    "text": (lambda _: b"apiVersion: paas/v1\n" * 100, "is not a state"),
    "header lost": (lambda data: b"\0" * 16 + data[16:], "is not a state"),
    "cut in the middle": (lambda data: data[: len(data) // 2], "is damaged"),
    "cut within a page": (lambda data: data[: len(data) - 100], "is damaged"),
    "cut after the header": (lambda data: data[:100], "is damaged"),
    "zero bytes": (lambda _: b"", r"is empty \(0 bytes\)"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, damage: str, use: str) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    spoil, words = DAMAGES[damage]
    path.write_bytes(spoil(path.read_bytes()))
    before = contents(tmp_path)
    store = open_state(path)
    with pytest.raises(StateError, match=words) as refusal:
        USES[use](store)
    store.close()
    assert str(path) in str(refusal.value)
    assert "restore a copy" in str(refusal.value)
    assert contents(tmp_path) == before


def test_pages_overwritten_within_the_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    data = path.read_bytes()
    page = 4096
    path.write_bytes(data[:page] + b"\xa5" * (len(data) - page))
    before = contents(tmp_path)
    store = open_state(path)
    with pytest.raises(StateError, match="is damaged"):
        store.snapshot(SCOPE)
    store.close()
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "{}", '{"address": "nothing"}', '"text"'],
)
def test_a_record_that_makes_no_sense_is_told(tmp_path: Path, body: str) -> None:
    path = tmp_path / "state.db"
    make_state(path, apps=1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE resources SET body = ?", (body,))
    store = open_state(path)
    with pytest.raises(StateError, match=r"state\.db has a damaged record"):
        store.snapshot(SCOPE)
    store.close()


@pytest.mark.parametrize("table", ["history", "holds"])
def test_a_row_of_another_table_that_makes_no_sense_is_told(tmp_path: Path, table: str) -> None:
    path = tmp_path / "state.db"
    make_state(path, apps=1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO {table} VALUES (?, 'x', '{{}}')", (str(SCOPE),))
    store = open_state(path)
    with pytest.raises(StateError, match="damaged record"):
        store.history(SCOPE) if table == "history" else store.holds(SCOPE)
    store.close()


def test_a_database_of_another_program_gets_none_of_our_tables(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE users (name TEXT)")
    before = contents(tmp_path)
    for use in USES.values():
        store = open_state(path)
        with pytest.raises(StateError, match="database of another program"):
            use(store)
        store.close()
    assert contents(tmp_path) == before


def test_a_directory_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.mkdir()
    for use in USES.values():
        with pytest.raises(StateError, match=r"state\.db is a directory"):
            use(open_state(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_newer_format_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    before = contents(tmp_path)
    for use in USES.values():
        store = open_state(path)
        with pytest.raises(StateError, match="has format 99, this version knows 2: use the newer dpaas"):
            use(store)
        store.close()
    assert contents(tmp_path) == before


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may read everything, so as root the block runs with the rights of nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("use", USES)
def test_a_file_without_permission_is_told_and_left_as_it_is(open_directory: Path, use: str) -> None:
    path = open_directory / "state.db"
    make_state(path)
    before = contents(open_directory)
    path.chmod(0o000)
    store = open_state(path)
    with (
        an_ordinary_user(),
        pytest.raises(StateError, match=r"state\.db cannot be opened: this user needs"),
    ):
        USES[use](store)
    store.close()
    path.chmod(0o600)
    assert contents(open_directory) == before


def test_a_file_that_may_only_be_read_is_not_written(open_directory: Path) -> None:
    path = open_directory / "state.db"
    snapshot = make_state(path)
    before = path.read_bytes()
    path.chmod(0o444)
    with an_ordinary_user():
        store = open_state(path)
        assert store.snapshot(SCOPE) == snapshot
        with pytest.raises(StateError, match=r"state\.db may not be written by this user"):
            store.acquire(SCOPE, "ann", 60)
        store.close()
    assert path.read_bytes() == before


def test_a_state_taken_away_beside_its_journal_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_state(path)
    lease = store.acquire(SCOPE, "ann", 60)
    store.commit(lease, results=[put("shop")])
    (tmp_path / "copy.db-wal").write_bytes((tmp_path / "state.db-wal").read_bytes())
    store.close()
    path.unlink()
    (tmp_path / "copy.db-wal").rename(tmp_path / "state.db-wal")
    for use in USES.values():
        with pytest.raises(StateError, match=r"is missing, but state\.db-wal is still there"):
            use(open_state(path))
    assert [item.name for item in tmp_path.iterdir()] == ["state.db-wal"]


def test_a_misuse_of_the_store_is_a_bug_and_not_told_as_damage(tmp_path: Path) -> None:
    store = open_state(tmp_path / "state.db")
    lease = store.acquire(SCOPE, "ann", 60)
    with pytest.raises(sqlite3.ProgrammingError):
        store.put(object(), Sensitive("x"))  # type: ignore[arg-type]
    assert store.commit(lease, results=[put("shop")]) == 1
    store.close()


def test_everything_beside_the_state_is_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = open_state(tmp_path / "state.db")
        lease = store.acquire(SCOPE, "ann", 60)
        store.commit(lease, results=[put("shop")])
        modes = {item.name: oct(item.stat().st_mode & 0o777) for item in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(old)
    assert modes == {"state.db": "0o600", "state.db-wal": "0o600", "state.db-shm": "0o600"}


def test_a_key_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    from declarative_paas.vault.keyring import Keyring

    make_state(tmp_path / "state.db")
    (tmp_path / "secret.key").write_text("nonsense")
    store = SqliteStore(
        tmp_path / "state.db",
        clock=open_state(tmp_path / "x")._clock,
        keyring=lambda: Keyring.load_or_create(tmp_path / "secret.key"),
    )
    ref = store.current("shop/key")
    assert ref is not None
    with pytest.raises(StateError, match=r"secret\.key is damaged"):
        store.get(ref)
    store.close()
    assert (tmp_path / "secret.key").read_text() == "nonsense"
    assert KEY.id
