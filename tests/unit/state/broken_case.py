"""A small sound state, and what to do to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot, StepResult
from declarative_paas.core.values import Sensitive
from declarative_paas.state.schema import Formats
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring

SCOPE = Scope("acme")
KEY_FILE = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
KEY = Keyring(KEY_FILE)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class StoppedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def open_state(path: Path, formats: Formats | None = None) -> SqliteStore:
    return SqliteStore(path, clock=StoppedClock(), keyring=lambda: KEY, formats=formats)


def put(app: str, size: int = 100) -> StepResult:
    address = ResourceAddress("app", app)
    record = ResourceState(address=address, instance="i1", region="us", remote_id=app, attributes={"text": "x" * size})
    return StepResult(step_id=f"create:{address}", put=record)


def make_state(path: Path, apps: int = 100) -> Snapshot:
    """Closed as after a command that ended well: one file, no -wal."""
    store = open_state(path)
    lease = store.acquire(SCOPE, "ann", 60)
    store.commit(lease, results=[put(f"a{number}") for number in range(apps)])
    store.put("shop/key", Sensitive("hunter2"))
    store.release(lease)
    snapshot = store.snapshot(SCOPE)
    store.close()
    return snapshot


def contents(folder: Path) -> Mapping[str, bytes]:
    """Every file below the directory."""
    return {str(item.relative_to(folder)): item.read_bytes() for item in folder.rglob("*") if item.is_file()}
