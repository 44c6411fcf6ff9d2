"""A SQLite state in a directory of the test's own, and short ways to fill it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Intent, Snapshot, StepResult
from declarative_paas.core.values import Reference
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring

SCOPE = Scope("acme")
KEY = base64.urlsafe_b64encode(b"a key of 32 bytes for these test")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class StillClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def store_at(path: Path) -> SqliteStore:
    return SqliteStore(path, clock=StillClock(), keyring=lambda: Keyring(KEY))


def at(text: str) -> ResourceAddress:
    return ResourceAddress.parse(text)


def record(address: str, instance: str = "i1", dependencies: tuple[str, ...] = (), **attributes: Any) -> ResourceState:
    return ResourceState(
        address=at(address),
        instance=instance,
        region="us",
        remote_id=f"remote-{instance}",
        attributes=attributes,
        dependencies=tuple(at(item) for item in dependencies),
    )


def intent(address: str) -> Intent:
    return Intent(
        step_id=f"create:{address}#i1", operation=Operation.CREATE, address=at(address), instance="i1", region="us"
    )


def snapshot(*records: ResourceState, intents: tuple[Intent, ...] = ()) -> Snapshot:
    return Snapshot(lineage="l", serial=1, resources={item.key: item for item in records}, intents=intents)


def fill(path: Path, count: int = 60) -> None:
    """A closed state with some pages of records, their file whole without a -wal."""
    store = store_at(path)
    lease = store.acquire(SCOPE, "ann", 60)
    store.commit(
        lease,
        results=[
            StepResult(step_id=f"s{n}", put=record(f"app.a{n}", text="x" * 200, url=Reference(at("app.api"), "url")))
            for n in range(count)
        ],
        intents=[intent("app.late")],
    )
    store.release(lease)
    store.close()
