"""The default store: one SQLite file, durable per transaction, rows written one by one."""

from __future__ import annotations

import json
import secrets as randomness
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import (
    HistoryEntry,
    Hold,
    Intent,
    Lease,
    LeaseLost,
    LockHeld,
    Snapshot,
    StateError,
    StepResult,
)
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.state import schema
from declarative_paas.vault.keyring import Keyring, VaultError

BUSY_TIMEOUT_S = 30.0
EMPTY = Snapshot(lineage="", serial=0, resources={})


def _new_lineage() -> str:
    return randomness.token_hex(8)


class SqliteStore:
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
    ) -> None:
        self._path = path
        self._clock = clock
        self._make_keyring = keyring
        self._keyring: Keyring | None = None
        self._new_lineage = new_lineage
        self._connection: sqlite3.Connection | None = None

    @property
    def path(self) -> Path:
        return self._path

    # StateStore

    def snapshot(self, scope: Scope) -> Snapshot:
        if not self._exists():
            return EMPTY
        with self._reading() as connection:
            serial = connection.execute("SELECT serial FROM scopes WHERE scope = ?", (str(scope),)).fetchone()
            rows = connection.execute("SELECT body FROM resources WHERE scope = ?", (str(scope),)).fetchall()
            intents = connection.execute(
                "SELECT step, operation, address, instance, region FROM intents WHERE scope = ? ORDER BY step",
                (str(scope),),
            ).fetchall()
            lineage = _meta(connection, "lineage")
        try:
            records = [ResourceState.from_json(json.loads(row[0])) for row in rows]
        except (ValueError, KeyError, TypeError) as problem:
            raise StateError(f"{self._path} has a damaged record: {problem}") from None
        return Snapshot(
            lineage=lineage,
            serial=0 if serial is None else serial[0],
            resources={record.key: record for record in records},
            intents=tuple(
                Intent(
                    step_id=step,
                    operation=Operation(operation),
                    address=ResourceAddress.parse(address),
                    instance=instance,
                    region=region,
                )
                for step, operation, address, instance, region in intents
            ),
        )

    def acquire(self, scope: Scope, holder: str, ttl_s: float) -> Lease:
        now = self._clock.now()
        with self._writing() as connection:
            row = connection.execute(
                "SELECT holder, fence, acquired, expires FROM leases WHERE scope = ?", (str(scope),)
            ).fetchone()
            if row is not None and row[3] > now.timestamp():
                raise LockHeld(row[0], _time(row[2]), _time(row[3]))
            fence = 1 if row is None else row[1] + 1
            expires = now + timedelta(seconds=ttl_s)
            connection.execute(
                "REPLACE INTO leases VALUES (?, ?, ?, ?, ?)",
                (str(scope), holder, fence, now.timestamp(), expires.timestamp()),
            )
            connection.execute(
                "INSERT OR IGNORE INTO scopes VALUES (?, ?, ?, ?, 0)",
                (str(scope), scope.platform, scope.environment, scope.stack),
            )
        return Lease(scope=scope, holder=holder, fence=fence, acquired=now, expires=expires)

    def renew(self, lease: Lease, ttl_s: float) -> Lease:
        expires = self._clock.now() + timedelta(seconds=ttl_s)
        with self._writing() as connection:
            self._check_fence(connection, lease)
            connection.execute("UPDATE leases SET expires = ? WHERE scope = ?", (expires.timestamp(), str(lease.scope)))
        return Lease(
            scope=lease.scope, holder=lease.holder, fence=lease.fence, acquired=lease.acquired, expires=expires
        )

    def release(self, lease: Lease) -> None:
        with self._writing() as connection:
            # The row stays, expired: the next holder's fence must be higher.
            connection.execute(
                "UPDATE leases SET expires = 0 WHERE scope = ? AND fence = ?", (str(lease.scope), lease.fence)
            )

    def commit(self, lease: Lease, *, results: Sequence[StepResult] = (), intents: Sequence[Intent] = ()) -> int:
        scope = str(lease.scope)
        with self._writing() as connection:
            self._check_fence(connection, lease)
            changed = False
            for result in results:
                changed |= _write_result(connection, scope, result)
            connection.executemany(
                "REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (scope, item.step_id, item.operation.value, str(item.address), item.instance, item.region)
                    for item in intents
                ],
            )
            if changed:
                connection.execute("UPDATE scopes SET serial = serial + 1 WHERE scope = ?", (scope,))
            row = connection.execute("SELECT serial FROM scopes WHERE scope = ?", (scope,)).fetchone()
        return int(row[0])

    def record(self, scope: Scope, entry: HistoryEntry) -> None:
        body = json.dumps({**asdict(entry), "summary": dict(entry.summary), "failures": list(entry.failures)})
        with self._writing() as connection:
            connection.execute("REPLACE INTO history VALUES (?, ?, ?)", (str(scope), entry.id, body))

    def history(self, scope: Scope) -> Sequence[HistoryEntry]:
        if not self._exists():
            return ()
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT body FROM history WHERE scope = ? ORDER BY id DESC", (str(scope),)
            ).fetchall()
        entries = [json.loads(row[0]) for row in rows]
        return [HistoryEntry(**{**entry, "failures": tuple(entry["failures"])}) for entry in entries]

    def holds(self, scope: Scope) -> Sequence[Hold]:
        if not self._exists():
            return ()
        with self._reading() as connection:
            rows = connection.execute("SELECT body FROM holds WHERE scope = ? ORDER BY app", (str(scope),)).fetchall()
        return [Hold(**json.loads(row[0])) for row in rows]

    def set_hold(self, lease: Lease, hold: Hold) -> None:
        with self._writing() as connection:
            self._check_fence(connection, lease)
            connection.execute(
                "REPLACE INTO holds VALUES (?, ?, ?)", (str(lease.scope), hold.app, json.dumps(asdict(hold)))
            )

    def end_hold(self, lease: Lease, app: str) -> None:
        with self._writing() as connection:
            self._check_fence(connection, lease)
            connection.execute("DELETE FROM holds WHERE scope = ? AND app = ?", (str(lease.scope), app))

    def scopes(self) -> Sequence[Scope]:
        if not self._exists():
            return ()
        with self._reading() as connection:
            rows = connection.execute("SELECT platform, environment, stack FROM scopes ORDER BY scope").fetchall()
        return [Scope(*row) for row in rows]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # SecretStore

    def put(self, name: str, value: Sensitive) -> SecretRef:
        keyring = self._key()
        digest = keyring.digest(value.reveal())
        current = self.current(name)
        if current is not None and current.digest == digest:
            return current
        with self._writing() as connection:
            self._check_key(connection, keyring)
            row = connection.execute("SELECT max(version) FROM secrets WHERE name = ?", (name,)).fetchone()
            version = (row[0] or 0) + 1
            connection.execute(
                "INSERT INTO secrets VALUES (?, ?, ?, ?)", (name, version, digest, keyring.seal(value.reveal()))
            )
        return SecretRef(name, version, digest)

    def current(self, name: str) -> SecretRef | None:
        if not self._exists():
            return None
        with self._reading() as connection:
            row = connection.execute(
                "SELECT version, digest FROM secrets WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
            ).fetchone()
        return None if row is None else SecretRef(name, row[0], row[1])

    def get(self, ref: SecretRef) -> Sensitive:
        row = None
        if self._exists():
            with self._reading() as connection:
                row = connection.execute(
                    "SELECT sealed FROM secrets WHERE name = ? AND version = ?", (ref.name, ref.version)
                ).fetchone()
        if row is None:
            raise StateError(f"secret {ref.name} version {ref.version} is not stored")
        try:
            return Sensitive(self._key().open(row[0]), ref)
        except VaultError as problem:
            raise StateError(f"secret {ref.name}: {problem}") from None

    def names(self) -> Sequence[str]:
        if not self._exists():
            return ()
        with self._reading() as connection:
            return [row[0] for row in connection.execute("SELECT DISTINCT name FROM secrets ORDER BY name")]

    def remove(self, name: str) -> bool:
        if not self._exists():
            return False
        with self._writing() as connection:
            return connection.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount > 0

    # The file

    def _exists(self) -> bool:
        return self._connection is not None or self._path.exists()

    def _key(self) -> Keyring:
        if self._keyring is None:
            try:
                self._keyring = self._make_keyring()
            except VaultError as problem:
                raise StateError(str(problem)) from None
        return self._keyring

    def _check_key(self, connection: sqlite3.Connection, keyring: Keyring) -> None:
        """Secrets of two keys in one state could never be opened together."""
        row = connection.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        if row is None:
            connection.execute("INSERT INTO meta VALUES ('key', ?)", (keyring.id,))
        elif row[0] != keyring.id:
            raise StateError(f"{self._path} is sealed with key {row[0]}, but the key file holds key {keyring.id}")

    def _check_fence(self, connection: sqlite3.Connection, lease: Lease) -> None:
        row = connection.execute(
            "SELECT holder, fence, expires FROM leases WHERE scope = ?", (str(lease.scope),)
        ).fetchone()
        if row is None or row[1] != lease.fence or row[2] <= self._clock.now().timestamp():
            holder = "nobody" if row is None or row[1] == lease.fence else row[0]
            raise LeaseLost(f"our lock on {lease.scope} has expired; it is held by {holder}: nothing was written")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            yield self._open()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, serialised against every other process."""
        with self._told():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise StateError(f"the state {self._path} cannot be used: {problem}") from None
        except OSError as problem:
            raise StateError(f"the state {self._path} cannot be used: {problem.strerror}") from None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        if self._path.exists() and self._path.stat().st_size == 0:
            # A state is never zero bytes long: something cut it short, and an empty one would plan everything anew.
            raise StateError(f"the state {self._path} is empty (0 bytes): restore it from a backup, or remove the file")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            if known is None:
                self._path.chmod(0o600)
                schema.create(connection, self._new_lineage())
            else:
                found = int(_meta(connection, "format"))
                if found > schema.FORMAT:
                    raise StateError(
                        f"the state {self._path} has format {found}, this version knows {schema.FORMAT}: "
                        "use the newer dpaas that wrote it"
                    )
                if found < schema.FORMAT:
                    schema.upgrade(connection, found)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _write_result(connection: sqlite3.Connection, scope: str, result: StepResult) -> bool:
    """Writes one step's outcome; whether a record changed."""
    if not result.keep_intent:
        connection.execute("DELETE FROM intents WHERE scope = ? AND step = ?", (scope, result.step_id))
    if result.remove is not None:
        connection.execute(
            "DELETE FROM resources WHERE scope = ? AND address = ? AND instance = ?",
            (scope, str(result.remove[0]), result.remove[1]),
        )
    if result.put is not None:
        body = json.dumps(result.put.to_json(), separators=(",", ":"))
        connection.execute(
            "REPLACE INTO resources VALUES (?, ?, ?, ?)", (scope, str(result.put.address), result.put.instance, body)
        )
    return result.put is not None or result.remove is not None


def _meta(connection: sqlite3.Connection, name: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise StateError(f"the state has no {name}: it is damaged, or not a state of dpaas")
    return str(row[0])


def _time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
