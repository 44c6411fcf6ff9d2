"""What the store contracts are tested with: each implementation, the time, and short ways to say records."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Hold, Intent, SecretStore, StateStore, StepResult
from declarative_paas.core.values import Attributes
from declarative_paas.state.memory import MemoryState, MemoryStore
from declarative_paas.state.postgres import PostgresStore
from declarative_paas.state.postgres_location import PostgresLocation
from declarative_paas.state.postgres_schema import TABLES
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring

# The server is the one of the end-to-end tests. Here, for `store_child.py` too, which has no conftest.
sys.path.append(str(Path(__file__).parents[1] / "e2e" / "state"))
import postgres_stage

SCOPE = Scope("acme")
KEY = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
START = datetime(2026, 1, 1, tzinfo=UTC)


class BothStores(StateStore, SecretStore, Protocol):
    """An implementation keeps records and secrets in one place."""


class ManualClock:
    """Stands still until told."""

    def __init__(self, time: datetime = START) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_s(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def _files_below(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


@dataclass(frozen=True, kw_only=True)
class StoreKind:
    """`open` opens the store that lives in a directory; `verify` tells what is wrong inside it, None when it is sound.

    `files` are those that hold what it stores. `durable`: it outlives its process, and other processes share it.
    """

    open: Callable[[Path, Clock, bytes], BothStores]
    verify: Callable[[Path], str | None]
    files: Callable[[Path], list[Path]] = _files_below
    durable: bool = True


def _open_sqlite(place: Path, clock: Clock, key: bytes) -> BothStores:
    return SqliteStore(place / "state.db", clock=clock, keyring=lambda: Keyring(*key.split()))


def _verify_sqlite(place: Path) -> str | None:
    with closing(sqlite3.connect(place / "state.db")) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    return None if verdict == "ok" else str(verdict)


_memories: dict[Path, MemoryState] = {}


def _open_memory(place: Path, clock: Clock, key: bytes) -> BothStores:
    state = _memories.setdefault(place, MemoryState())
    return MemoryStore(state, clock=clock, keyring=lambda: Keyring(*key.split()))


def _open_postgres(place: Path, clock: Clock, key: bytes) -> BothStores:
    location = PostgresLocation.parse(postgres_stage.location_for(place))
    return PostgresStore(location, keyring=lambda: Keyring(*key.split()), clock=clock)


def _verify_postgres(place: Path) -> str | None:
    """Reads every row of every table; the server's pages have checksums."""
    try:
        with postgres_stage.administrator(postgres_stage.SHARED) as connection:
            schema = postgres_stage.schema_for(place)
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
            if len(tables) != len(TABLES):
                return f"{len(tables)} tables"
            for (table,) in tables:
                connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, str(table))))
    except psycopg.Error as problem:
        return str(problem)
    return None


def _files_of_postgres(place: Path) -> list[Path]:
    return postgres_stage.files_of(postgres_stage.SHARED)


KINDS: Mapping[str, StoreKind] = {
    "memory": StoreKind(open=_open_memory, verify=lambda place: None, durable=False),
    "postgres": StoreKind(open=_open_postgres, verify=_verify_postgres, files=_files_of_postgres),
    "sqlite": StoreKind(open=_open_sqlite, verify=_verify_sqlite),
}
"""Every implementation of the store protocols; the whole suite runs on each."""

DURABLE = sorted(name for name, kind in KINDS.items() if kind.durable)
"""Those that the promises on files and other processes are made for."""


@dataclass
class Bench:
    """One place with a store in it, and the time there."""

    kind: StoreKind
    name: str
    place: Path
    clock: ManualClock
    store: BothStores

    def another(self, key: bytes = KEY) -> BothStores:
        """Opens the same place once more, as another process would."""
        return self.kind.open(self.place, self.clock, key)


def at(text: str) -> ResourceAddress:
    return ResourceAddress.parse(text)


def record(
    address: str, instance: str = "i1", attributes: Attributes | None = None, outputs: Attributes | None = None
) -> ResourceState:
    return ResourceState(
        address=at(address),
        instance=instance,
        region="us",
        remote_id=f"remote-{instance}",
        attributes=attributes or {"size": "small"},
        outputs=outputs or {},
    )


def put(address: str, instance: str = "i1", **attributes: Any) -> StepResult:
    return StepResult(step_id=f"create:{address}#{instance}", put=record(address, instance, attributes or None))


def intent(address: str, instance: str = "i1", operation: Operation = Operation.CREATE) -> Intent:
    return Intent(
        step_id=f"{operation.value}:{address}#{instance}",
        operation=operation,
        address=at(address),
        instance=instance,
        region="us",
    )


def hold(app: str, version: int = 3) -> Hold:
    return Hold(app=app, version=version, source="abc", since="2026-01-01T00:00:00+00:00", by="ann")


@contextmanager
def opened(name: str, place: Path) -> Generator[Bench]:
    """The bench of one implementation, closed at the end."""
    kind, clock = KINDS[name], ManualClock()
    store = kind.open(place, clock, KEY)
    try:
        yield Bench(kind, name, place, clock, store)
    finally:
        store.close()
