"""The SQLite file: made whole or not at all, opened with suspicion, written in durable transactions."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from declarative_paas.core.clock import Clock
from declarative_paas.core.state import StateError
from declarative_paas.state import schema
from declarative_paas.state.backup import backup
from declarative_paas.state.schema import Formats
from declarative_paas.state.soundness import refuse_unsound
from declarative_paas.state.trouble import RESTORE, told

BUSY_TIMEOUT_S = 30.0

_CONNECTING = threading.Lock()
_CONNECTIONS: Counter[tuple[int, int]] = Counter()
"""How often this process has each file open, by device and inode; under `_CONNECTING`."""


class StateFile:
    """For one thread; any number of processes. Every method raises StateError, naming the file.

    Nothing is made before the first write, and what is there but is no sound state is never written to.
    """

    def __init__(
        self, path: Path, *, clock: Clock, new_lineage: Callable[[], str], formats: Formats | None = None
    ) -> None:
        self.path = path
        self._clock = clock
        self._new_lineage = new_lineage
        self._formats = formats or Formats()
        self._connection: sqlite3.Connection | None = None
        self._opened = (0, 0)

    def exists(self) -> bool:
        """Whether there is something to read; without it a state is empty."""
        if self._connection is not None:
            return True
        with told(self.path):
            if self.path.exists():
                return True
            wal = _beside(self.path, "-wal")
            if wal.exists():
                # It holds transactions of a file that was taken away, and would be replayed into a new one.
                raise StateError(
                    f"the state {self.path} is missing, but {wal.name} is still there: put the file back, "
                    f"or remove {wal.name} too if it is to be forgotten"
                )
        return False

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """All reads inside see the same moment."""
        with told(self.path):
            connection = self._open()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """One durable transaction, serialised against every other process; nothing is written when it raises."""
        with told(self.path):
            connection = self._open()
            with _transaction(connection):
                # Asked each time: another process may have upgraded the file under a long apply.
                self._known_format(connection)
                yield connection

    def close(self) -> None:
        if self._connection is not None:
            _disconnect(self._connection, self._opened)
            self._connection = None

    def connect(self, path: Path) -> sqlite3.Connection:
        """Connects to an existing file; makes none."""
        return sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
        )

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            self._check_in_place()
            return self._connection
        if not self.exists():
            self._create()
        connection, identity = self._connect_soundly()
        try:
            self._prepare(connection)
        except BaseException:
            _disconnect(connection, identity)
            raise
        self._connection, self._opened = connection, identity
        return connection

    def _connect_soundly(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        with _CONNECTING:
            status = self.path.stat()
            identity = (status.st_dev, status.st_ino)
            # Not while this process has it open: closing a file that was read beside SQLite drops every lock
            # that the process holds on it (https://www.sqlite.org/howtocorrupt.html, 2.2). Others would then
            # take the log away under a running apply, and what they wrote would be undone by it.
            if not _CONNECTIONS[identity]:
                refuse_unsound(self.path)
            connection = self.connect(self.path)
            _CONNECTIONS[identity] += 1
        return connection, identity

    def _check_in_place(self) -> None:
        """What is written to a file without a name is lost: a removed or restored state is not written on."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise StateError(f"the state {self.path} was removed while it was in use: nothing was written") from None
        if (status.st_dev, status.st_ino) != self._opened:
            raise StateError(f"the state {self.path} was replaced while it was in use: run the command again")

    def _create(self) -> None:
        """Makes an empty state beside its place and links it there: nobody ever sees a half-made one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".new", dir=self.path.parent)
        os.close(descriptor)
        fresh = Path(name)
        try:
            with closing(self.connect(fresh)) as connection:
                with _transaction(connection):
                    schema.create(connection, self._new_lineage())
                connection.execute("PRAGMA journal_mode = WAL")
            # Link, not rename: the first of two that start at once wins, and the other opens what it made.
            os.link(fresh, self.path)
        except FileExistsError:
            pass
        finally:
            for leftover in (fresh, _beside(fresh, "-wal"), _beside(fresh, "-shm"), _beside(fresh, "-journal")):
                leftover.unlink(missing_ok=True)
        _sync_directory(self.path.parent)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Looks before it touches: a file of another program or of a newer version keeps every byte."""
        found = self._known_format(connection)
        connection.execute("PRAGMA synchronous = FULL")
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":  # a restored backup
            connection.execute("PRAGMA journal_mode = WAL")
        if found < self._formats.current:
            self._upgrade(connection)

    def _format(self, connection: sqlite3.Connection) -> int:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            raise StateError(f"the state {self.path} is a database of another program; {RESTORE}")
        text = meta(connection, "format")
        if text is None or not text.isdecimal():
            raise StateError(f"the state {self.path} does not tell its format: it is damaged; {RESTORE}")
        return int(text)

    def _known_format(self, connection: sqlite3.Connection) -> int:
        """Raises StateError for a format that only a newer version knows."""
        found = self._format(connection)
        if found > self._formats.current:
            raise StateError(
                f"the state {self.path} has format {found}, this version knows {self._formats.current}: "
                "use the newer dpaas that wrote it"
            )
        return found

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        copy = backup(self.path, now=self._clock.now())
        try:
            with _transaction(connection):
                # Read again: another process may have been faster.
                found = self._known_format(connection)
                if found < self._formats.current:
                    schema.upgrade(connection, found, self._formats)
        except (StateError, sqlite3.Error) as problem:
            raise StateError(
                f"the state {self.path} could not be upgraded, and is as it was ({problem}); a copy is {copy}"
            ) from None


def _disconnect(connection: sqlite3.Connection, identity: tuple[int, int]) -> None:
    with _CONNECTING:
        connection.close()
        _CONNECTIONS[identity] -= 1


def meta(connection: sqlite3.Connection, name: str) -> str | None:
    """A fact about the whole file: `format`, `lineage`, `key`."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk ends the transaction by itself, or fails the COMMIT and leaves it open.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync_directory(folder: Path) -> None:
    """Makes a new name durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
