"""The default store: one SQLite file, durable per transaction, rows written one by one."""

from __future__ import annotations

import secrets as randomness
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from declarative_paas.core.address import Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.state import (
    BegunText,
    HistoryEntry,
    Hold,
    Intent,
    Lease,
    Snapshot,
    StateError,
    StepResult,
)
from declarative_paas.state.file import StateFile, meta
from declarative_paas.state.lease import RELEASED, check_ours, granted, standing
from declarative_paas.state.rows import (
    entry_of,
    hold_body,
    hold_of,
    intent_of,
    intent_row,
    records_of,
    write_entry,
    write_result,
)
from declarative_paas.state.schema import Formats
from declarative_paas.state.secrets import SqliteSecrets
from declarative_paas.state.trouble import RESTORE, reading_rows
from declarative_paas.vault.keyring import Keyring

EMPTY = Snapshot(lineage="", serial=0, resources={})


def _new_lineage() -> str:
    return randomness.token_hex(8)


class SqliteStore(SqliteSecrets):
    """`StateStore` and `SecretStore` in one file. For one thread; any number of processes.

    Nothing is created before the first write: a plan of a new project leaves no trace.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        keyring: Callable[[], Keyring],
        new_lineage: Callable[[], str] = _new_lineage,
        formats: Formats | None = None,
    ) -> None:
        super().__init__(StateFile(path, clock=clock, new_lineage=new_lineage, formats=formats), keyring)
        self._clock = clock

    @property
    def path(self) -> Path:
        return self._file.path

    def snapshot(self, scope: Scope) -> Snapshot:
        if not self._file.exists():
            return EMPTY
        with self._file.reading() as connection:
            serial = connection.execute("SELECT serial FROM scopes WHERE scope = ?", (str(scope),)).fetchone()
            rows = connection.execute("SELECT body FROM resources WHERE scope = ?", (str(scope),)).fetchall()
            intents = connection.execute(
                "SELECT step, operation, address, instance, region FROM intents WHERE scope = ? ORDER BY step",
                (str(scope),),
            ).fetchall()
            lineage = meta(connection, "lineage")
        if lineage is None:
            raise StateError(f"the state {self.path} does not tell its lineage: it is damaged; {RESTORE}")
        with reading_rows(self.path):
            return Snapshot(
                lineage=lineage,
                serial=0 if serial is None else serial[0],
                resources=records_of(row[0] for row in rows),
                intents=tuple(intent_of(row) for row in intents),
            )

    def acquire(self, scope: Scope, holder: str, ttl_s: float) -> Lease:
        with self._file.writing() as connection:
            # Read under the write lock: waiting for it takes time.
            lease = granted(self._last_lease(connection, scope), scope, holder, now=self._clock.now(), ttl_s=ttl_s)
            connection.execute(
                "REPLACE INTO leases VALUES (?, ?, ?, ?, ?)",
                (str(scope), holder, lease.fence, lease.acquired.timestamp(), lease.expires.timestamp()),
            )
            connection.execute(
                "INSERT OR IGNORE INTO scopes VALUES (?, ?, ?, ?, 0)",
                (str(scope), scope.platform, scope.environment, scope.stack),
            )
        return lease

    def lease(self, scope: Scope) -> Lease | None:
        if not self._file.exists():
            return None
        with self._file.reading() as connection:
            return standing(self._last_lease(connection, scope), now=self._clock.now())

    def renew(self, lease: Lease, ttl_s: float) -> Lease:
        with self._file.writing() as connection:
            self._check_ours(connection, lease)
            expires = self._clock.now() + timedelta(seconds=ttl_s)
            connection.execute("UPDATE leases SET expires = ? WHERE scope = ?", (expires.timestamp(), str(lease.scope)))
        return replace(lease, expires=expires)

    def release(self, lease: Lease) -> None:
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE leases SET expires = ? WHERE scope = ? AND fence = ? AND holder = ?",
                (RELEASED.timestamp(), str(lease.scope), lease.fence, lease.holder),
            )

    def expire(self, scope: Scope, holder: str) -> None:
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE leases SET expires = ? WHERE scope = ? AND holder = ?",
                (RELEASED.timestamp(), str(scope), holder),
            )

    def commit(
        self,
        lease: Lease,
        *,
        results: Sequence[StepResult] = (),
        intents: Sequence[Intent] = (),
        at_least: int = 0,
        entry: HistoryEntry | None = None,
    ) -> int:
        scope = str(lease.scope)
        with self._file.writing() as connection:
            self._check_ours(connection, lease)
            changed = False
            for result in results:
                changed |= write_result(connection, scope, result)
            connection.executemany(
                "REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?)", [intent_row(scope, item) for item in intents]
            )
            if changed or at_least:
                connection.execute(
                    "UPDATE scopes SET serial = max(serial + ?, ?) WHERE scope = ?", (int(changed), at_least, scope)
                )
            if entry is not None:
                write_entry(connection, scope, entry)
            (serial,) = connection.execute("SELECT serial FROM scopes WHERE scope = ?", (scope,)).fetchone()
        return int(serial)

    def record(self, scope: Scope, entry: HistoryEntry) -> None:
        with self._file.writing() as connection:
            write_entry(connection, str(scope), entry)

    def begin(self, lease: Lease, entry: HistoryEntry, plan: str) -> None:
        with self._file.writing() as connection:
            self._check_ours(connection, lease)
            write_entry(connection, str(lease.scope), entry)
            connection.execute("REPLACE INTO begun VALUES (?, ?, ?)", (str(lease.scope), entry.id, plan))

    def begun(self, scope: Scope) -> BegunText | None:
        if not self._file.exists():
            return None
        with self._file.reading() as connection:
            row = connection.execute("SELECT entry, body FROM begun WHERE scope = ?", (str(scope),)).fetchone()
        return None if row is None else BegunText(entry=row[0], text=row[1])

    def forget_begun(self, scope: Scope, entry: str) -> None:
        with self._file.writing() as connection:
            connection.execute("DELETE FROM begun WHERE scope = ? AND entry = ?", (str(scope), entry))

    def history(self, scope: Scope) -> Sequence[HistoryEntry]:
        if not self._file.exists():
            return ()
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT body FROM history WHERE scope = ? ORDER BY rowid DESC", (str(scope),)
            ).fetchall()
        with reading_rows(self.path):
            return [entry_of(row[0]) for row in rows]

    def holds(self, scope: Scope) -> Sequence[Hold]:
        if not self._file.exists():
            return ()
        with self._file.reading() as connection:
            rows = connection.execute("SELECT body FROM holds WHERE scope = ? ORDER BY app", (str(scope),)).fetchall()
        with reading_rows(self.path):
            return [hold_of(row[0]) for row in rows]

    def set_hold(self, lease: Lease, hold: Hold) -> None:
        with self._file.writing() as connection:
            self._check_ours(connection, lease)
            connection.execute("REPLACE INTO holds VALUES (?, ?, ?)", (str(lease.scope), hold.app, hold_body(hold)))

    def end_hold(self, lease: Lease, app: str) -> None:
        with self._file.writing() as connection:
            self._check_ours(connection, lease)
            connection.execute("DELETE FROM holds WHERE scope = ? AND app = ?", (str(lease.scope), app))

    def scopes(self) -> Sequence[Scope]:
        if not self._file.exists():
            return ()
        with self._file.reading() as connection:
            rows = connection.execute("SELECT platform, environment, stack FROM scopes ORDER BY scope").fetchall()
        return [Scope(*row) for row in rows]

    def close(self) -> None:
        self._file.close()

    def _check_ours(self, connection: sqlite3.Connection, lease: Lease) -> None:
        check_ours(self._last_lease(connection, lease.scope), lease)

    def _last_lease(self, connection: sqlite3.Connection, scope: Scope) -> Lease | None:
        row = connection.execute(
            "SELECT holder, fence, acquired, expires FROM leases WHERE scope = ?", (str(scope),)
        ).fetchone()
        if row is None:
            return None
        with reading_rows(self.path):
            return Lease(scope=scope, holder=row[0], fence=row[1], acquired=_time(row[2]), expires=_time(row[3]))


def _time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
