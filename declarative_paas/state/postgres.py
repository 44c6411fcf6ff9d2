"""The store of a team: one schema in a PostgreSQL database, shared by any number of machines."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from declarative_paas.state.lease import RELEASED, check_ours, granted, standing
from declarative_paas.state.postgres_database import PostgresDatabase
from declarative_paas.state.postgres_location import PostgresLocation
from declarative_paas.state.postgres_rows import COMMIT, commit_parameters, intent_of_body
from declarative_paas.state.postgres_schema import PostgresFormats, Row, Statement
from declarative_paas.state.postgres_secrets import PostgresSecrets
from declarative_paas.state.postgres_trouble import reading_rows
from declarative_paas.state.rows import entry_body, entry_of, hold_body, hold_of, records_of
from declarative_paas.vault.keyring import Keyring

EMPTY = Snapshot(lineage="", serial=0, resources={})

# A statement of its own, after the one that locks: waiting for a lock takes time.
_NOW: Statement = ("SELECT clock_timestamp()", ())


def _new_lineage() -> str:
    return randomness.token_hex(8)


class PostgresStore(PostgresSecrets):
    """`StateStore` and `SecretStore` in one schema. For one thread; any number of processes and machines.

    Nothing is created before the first write: a plan of a new project leaves no trace. Leases begin and
    end by the server's clock, which is the same for all, however wrong a machine's own is; `clock`
    replaces it where time is made up.
    """

    def __init__(
        self,
        location: PostgresLocation,
        *,
        keyring: Callable[[], Keyring],
        clock: Clock | None = None,
        new_lineage: Callable[[], str] = _new_lineage,
        formats: PostgresFormats | None = None,
    ) -> None:
        super().__init__(PostgresDatabase(location, new_lineage=new_lineage, formats=formats), keyring)
        self._clock = clock

    @property
    def place(self) -> str:
        """For people: host and database."""
        return self._database.place

    def snapshot(self, scope: Scope) -> Snapshot:
        key = (str(scope),)
        found = self._database.read(
            ("SELECT value FROM meta WHERE name = 'lineage'", ()),
            ("SELECT serial FROM scopes WHERE scope = %s", key),
            ("SELECT body FROM resources WHERE scope = %s", key),
            ("SELECT body FROM intents WHERE scope = %s ORDER BY step", key),
        )
        if found is None:
            return EMPTY
        lineage, serial, resources, intents = found
        if not lineage:
            raise StateError(f"the state {self.place} does not tell its lineage: it is damaged")
        with reading_rows(self.place):
            return Snapshot(
                lineage=lineage[0][0],
                serial=serial[0][0] if serial else 0,
                resources=records_of(row[0] for row in resources),
                intents=tuple(intent_of_body(row[0]) for row in intents),
            )

    def acquire(self, scope: Scope, holder: str, ttl_s: float) -> Lease:
        place: Statement = (
            # Of two that come first, one waits here for the other: there is a row to lock from then on.
            "INSERT INTO leases VALUES (%s, '', 0, %s, %s) ON CONFLICT DO NOTHING",
            (str(scope), RELEASED, RELEASED),
        )
        with self._database.writing(place, _last_lease(scope), _NOW) as (connection, (_, last, now)):
            lease = granted(_lease(scope, last), scope, holder, now=self._time(now), ttl_s=ttl_s)
            connection.execute(
                "UPDATE leases SET holder = %s, fence = %s, acquired = %s, expires = %s WHERE scope = %s",
                (holder, lease.fence, lease.acquired, lease.expires, str(scope)),
            )
            connection.execute(
                "INSERT INTO scopes VALUES (%s, %s, %s, %s, 0) ON CONFLICT DO NOTHING",
                (str(scope), scope.platform, scope.environment, scope.stack),
            )
        return lease

    def lease(self, scope: Scope) -> Lease | None:
        found = self._database.read(
            ("SELECT holder, fence, acquired, expires FROM leases WHERE scope = %s", (str(scope),)), _NOW
        )
        if found is None:
            return None
        last, now = found
        return standing(_lease(scope, last), now=self._time(now))

    def renew(self, lease: Lease, ttl_s: float) -> Lease:
        with self._database.writing(_last_lease(lease.scope), _NOW) as (connection, (last, now)):
            check_ours(_lease(lease.scope, last), lease)
            expires = self._time(now) + timedelta(seconds=ttl_s)
            connection.execute("UPDATE leases SET expires = %s WHERE scope = %s", (expires, str(lease.scope)))
        return replace(lease, expires=expires)

    def release(self, lease: Lease) -> None:
        with self._database.writing() as (connection, _):
            connection.execute(
                "UPDATE leases SET expires = %s WHERE scope = %s AND fence = %s AND holder = %s",
                (RELEASED, str(lease.scope), lease.fence, lease.holder),
            )

    def expire(self, scope: Scope, holder: str) -> None:
        with self._database.writing() as (connection, _):
            connection.execute(
                "UPDATE leases SET expires = %s WHERE scope = %s AND holder = %s", (RELEASED, str(scope), holder)
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
        # What can fail comes before the lock is taken.
        parameters = {**commit_parameters(str(lease.scope), results, intents), "at_least": at_least}
        with self._database.writing(_last_lease(lease.scope)) as (connection, (last,)):
            check_ours(_lease(lease.scope, last), lease)
            done = connection.execute(COMMIT, parameters)
            if entry is not None:
                connection.execute(*_written(lease.scope, entry))
        row = done.fetchone()
        if row is None:
            raise StateError(f"the state {self.place} has lost its scope {lease.scope}: it is damaged")
        return int(row[0])

    def record(self, scope: Scope, entry: HistoryEntry) -> None:
        with self._database.writing() as (connection, _):
            connection.execute(*_written(scope, entry))

    def begin(self, lease: Lease, entry: HistoryEntry, plan: str) -> None:
        with self._database.writing(_last_lease(lease.scope)) as (connection, (last,)):
            check_ours(_lease(lease.scope, last), lease)
            connection.execute(*_written(lease.scope, entry))
            connection.execute(
                "INSERT INTO begun VALUES (%s, %s, %s)"
                " ON CONFLICT (scope) DO UPDATE SET entry = excluded.entry, body = excluded.body",
                (str(lease.scope), entry.id, plan),
            )

    def begun(self, scope: Scope) -> BegunText | None:
        found = self._database.read(("SELECT entry, body FROM begun WHERE scope = %s", (str(scope),)))
        rows = found[0] if found else []
        return BegunText(entry=rows[0][0], text=rows[0][1]) if rows else None

    def forget_begun(self, scope: Scope, entry: str) -> None:
        with self._database.writing() as (connection, _):
            connection.execute("DELETE FROM begun WHERE scope = %s AND entry = %s", (str(scope), entry))

    def history(self, scope: Scope) -> Sequence[HistoryEntry]:
        found = self._database.read(
            ("SELECT body FROM history WHERE scope = %s ORDER BY number DESC", (str(scope),)),
        )
        with reading_rows(self.place):
            return () if found is None else [entry_of(row[0]) for row in found[0]]

    def holds(self, scope: Scope) -> Sequence[Hold]:
        found = self._database.read(("SELECT body FROM holds WHERE scope = %s ORDER BY app", (str(scope),)))
        with reading_rows(self.place):
            return () if found is None else [hold_of(row[0]) for row in found[0]]

    def set_hold(self, lease: Lease, hold: Hold) -> None:
        with self._database.writing(_last_lease(lease.scope)) as (connection, (last,)):
            check_ours(_lease(lease.scope, last), lease)
            connection.execute(
                "INSERT INTO holds VALUES (%s, %s, %s) ON CONFLICT (scope, app) DO UPDATE SET body = excluded.body",
                (str(lease.scope), hold.app, hold_body(hold)),
            )

    def end_hold(self, lease: Lease, app: str) -> None:
        with self._database.writing(_last_lease(lease.scope)) as (connection, (last,)):
            check_ours(_lease(lease.scope, last), lease)
            connection.execute("DELETE FROM holds WHERE scope = %s AND app = %s", (str(lease.scope), app))

    def scopes(self) -> Sequence[Scope]:
        found = self._database.read(("SELECT platform, environment, stack FROM scopes ORDER BY scope", ()))
        return () if found is None else [Scope(*row) for row in found[0]]

    def close(self) -> None:
        self._database.close()

    def _time(self, rows: Sequence[Row]) -> datetime:
        if self._clock is not None:
            return self._clock.now()
        told: datetime = rows[0][0]
        return told.astimezone(UTC)


def _written(scope: Scope, entry: HistoryEntry) -> Statement:
    """An entry that is written again keeps its number, so its place in the order."""
    return (
        "INSERT INTO history (scope, id, body) VALUES (%s, %s, %s)"
        " ON CONFLICT (scope, id) DO UPDATE SET body = excluded.body",
        (str(scope), entry.id, entry_body(entry)),
    )


def _last_lease(scope: Scope) -> Statement:
    """Locks its row: until the transaction ends, nobody takes the lease over or gives it back."""
    return ("SELECT holder, fence, acquired, expires FROM leases WHERE scope = %s FOR UPDATE", (str(scope),))


def _lease(scope: Scope, rows: Sequence[Row]) -> Lease | None:
    if not rows:
        return None
    holder, fence, acquired, expires = rows[0]
    return Lease(
        scope=scope, holder=holder, fence=fence, acquired=acquired.astimezone(UTC), expires=expires.astimezone(UTC)
    )
