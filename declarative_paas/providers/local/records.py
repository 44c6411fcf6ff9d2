"""A region's records in one SQLite file: read in bulk, written per row."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import ErrorKind, InstanceKey, ProviderError
from declarative_paas.providers.hosting.records import Record, ReleaseRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    scope TEXT NOT NULL, address TEXT NOT NULL, instance TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (scope, address, instance)
);
CREATE TABLE IF NOT EXISTS releases (
    app TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (app, version)
);
CREATE TABLE IF NOT EXISTS app_ports (app TEXT PRIMARY KEY, port INTEGER NOT NULL UNIQUE);
"""


class RecordStore:
    """Thread-safe; several processes may use the file at once. Raises ProviderError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def put(self, scope: str, key: InstanceKey, record: Record) -> None:
        body = json.dumps(
            {
                "attributes": record.attributes,
                "outputs": record.outputs,
                "sealed": record.sealed,
                "facts": record.facts,
            },
            sort_keys=True,
        )
        with self._using() as connection:
            connection.execute("REPLACE INTO records VALUES (?, ?, ?, ?)", (scope, str(key[0]), key[1], body))

    def get(self, scope: str, key: InstanceKey) -> Record | None:
        with self._using() as connection:
            row = connection.execute(
                "SELECT body FROM records WHERE scope = ? AND address = ? AND instance = ?",
                (scope, str(key[0]), key[1]),
            ).fetchone()
        return None if row is None else _record(row[0])

    def current(self, scope: str, address: ResourceAddress) -> Record | None:
        """The newest instance at an address."""
        with self._using() as connection:
            row = connection.execute(
                "SELECT body FROM records WHERE scope = ? AND address = ? ORDER BY rowid DESC LIMIT 1",
                (scope, str(address)),
            ).fetchone()
        return None if row is None else _record(row[0])

    def remove(self, scope: str, key: InstanceKey) -> None:
        with self._using() as connection:
            connection.execute(
                "DELETE FROM records WHERE scope = ? AND address = ? AND instance = ?", (scope, str(key[0]), key[1])
            )

    def all(self, scope: str | None = None) -> dict[tuple[str, ResourceAddress, str], Record]:
        """Every record, of one scope or of all."""
        query = "SELECT scope, address, instance, body FROM records"
        with self._using() as connection:
            rows = (
                connection.execute(query).fetchall()
                if scope is None
                else connection.execute(query + " WHERE scope = ?", (scope,)).fetchall()
            )
        return {(row[0], ResourceAddress.parse(row[1]), row[2]): _record(row[3]) for row in rows}

    def put_release(self, release: ReleaseRecord) -> None:
        body = json.dumps(
            {name: getattr(release, name) for name in ReleaseRecord.__slots__ if name not in ("app", "version")},
            sort_keys=True,
        )
        with self._using() as connection:
            connection.execute("REPLACE INTO releases VALUES (?, ?, ?)", (release.app, release.version, body))

    def releases(self, app: str) -> list[ReleaseRecord]:
        """Oldest first."""
        with self._using() as connection:
            rows = connection.execute(
                "SELECT version, body FROM releases WHERE app = ? ORDER BY version", (app,)
            ).fetchall()
        return [ReleaseRecord(app=app, version=row[0], **json.loads(row[1])) for row in rows]

    def all_releases(self) -> list[ReleaseRecord]:
        with self._using() as connection:
            rows = connection.execute("SELECT app, version, body FROM releases ORDER BY app, version").fetchall()
        return [ReleaseRecord(app=row[0], version=row[1], **json.loads(row[2])) for row in rows]

    def remove_releases(self, app: str) -> None:
        with self._using() as connection:
            connection.execute("DELETE FROM releases WHERE app = ?", (app,))

    def erase(self) -> None:
        with self._using() as connection:
            for table in ("records", "releases", "app_ports"):
                connection.execute(f"DELETE FROM {table}")

    def claim_app_port(self, app: str, first: int, last: int) -> int | None:
        """The app's port, claimed now unless it has one; None when all of them are taken."""
        with self._using() as connection:
            # Serialised against apps that are made at the same time, here and in other processes.
            connection.execute("BEGIN IMMEDIATE")
            rows = dict(connection.execute("SELECT app, port FROM app_ports").fetchall())
            if app in rows:
                return int(rows[app])
            port = next((port for port in range(first, last + 1) if port not in rows.values()), None)
            if port is not None:
                connection.execute("INSERT INTO app_ports VALUES (?, ?)", (app, port))
            return port

    def release_app_port(self, app: str) -> None:
        with self._using() as connection:
            connection.execute("DELETE FROM app_ports WHERE app = ?", (app,))

    @contextmanager
    def _using(self) -> Generator[sqlite3.Connection]:
        """One durable transaction."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                with self._connection as connection:
                    yield connection
            except sqlite3.Error as problem:
                raise ProviderError(ErrorKind.UNAVAILABLE, f"{self._path}: {problem}") from None

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
        self._path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        return connection


def _record(body: str) -> Record:
    return Record(**json.loads(body))
