"""A disk that is full: told, nothing half written, and all goes on once there is room."""

from __future__ import annotations

import multiprocessing
import resource
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from broken_case import KEY, SCOPE, StoppedClock, make_state, open_state, put

from declarative_paas.core.state import StateError
from declarative_paas.state.file import StateFile
from declarative_paas.state.sqlite import SqliteStore

BIG = [put(f"big{number}", size=20_000) for number in range(40)]


class CrampedFile(StateFile):
    """A state on a disk with room for a few more pages."""

    def connect(self, path: Path) -> sqlite3.Connection:
        connection = super().connect(path)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 3}")
        return connection


class CrampedStore(SqliteStore):
    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=StoppedClock(), keyring=lambda: KEY)
        self._file = CrampedFile(path, clock=StoppedClock(), new_lineage=lambda: "x")


def test_a_commit_that_does_not_fit_is_refused_whole_and_smaller_ones_go_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    before = make_state(path)
    store = CrampedStore(path)
    lease = store.acquire(SCOPE, "ann", 60)
    with pytest.raises(StateError, match=r"state\.db cannot grow: the disk is full; .* free some space"):
        store.commit(lease, results=BIG)
    assert store.snapshot(SCOPE) == before
    assert store.commit(lease, results=[put("small", size=1)]) == before.serial + 1
    store.close()
    again = open_state(path)
    assert len(again.snapshot(SCOPE).resources) == len(before.resources) + 1
    again.close()


def _commit_under_a_limit(path: Path, limit: int, answer: Connection) -> None:
    store = open_state(path)
    lease = store.acquire(SCOPE, "ann", 60)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        store.commit(lease, results=BIG)
    except StateError as problem:
        answer.send((str(problem), store.snapshot(SCOPE).serial))
    else:
        answer.send(("it was written", -1))


def test_a_write_that_the_system_refuses_is_told_and_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    before = make_state(path)
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    process = context.Process(target=_commit_under_a_limit, args=(path, 100_000, theirs))
    process.start()
    try:
        assert mine.poll(30), "the process said nothing"
        text, serial = mine.recv()
    finally:
        process.join(10)
        process.kill()
    assert "state.db cannot be read or written: the disk failed, is full, or has a limit" in text
    assert serial == before.serial
    again = open_state(path)
    assert again.snapshot(SCOPE) == before
    again.close()


def test_a_new_state_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    class Full(StateFile):
        def connect(self, path: Path) -> sqlite3.Connection:
            connection = super().connect(path)
            connection.execute("PRAGMA max_page_count = 4")
            return connection

    file = Full(tmp_path / "state.db", clock=StoppedClock(), new_lineage=lambda: "x")
    with pytest.raises(StateError, match="the disk is full"), file.writing():
        raise AssertionError("opened")
    assert list(tmp_path.iterdir()) == []
