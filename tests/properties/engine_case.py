"""The whole engine in one process: real planner, executor and store, the memory platform, any manifests."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from declarative_paas.apply.executor import ApplyResult, ApplyTools, Interruption, run_plan
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.event import Event
from declarative_paas.core.plan import Plan
from declarative_paas.core.resource import Resource
from declarative_paas.core.state import StateStore
from declarative_paas.core.values import Reference
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan
from declarative_paas.providers.memory.provider import MemoryProvider
from declarative_paas.providers.memory.world import MemoryWorld
from declarative_paas.refresh.read import begin_reading
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring

SCOPE = Scope("acme")
KEY = Keyring(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")


class ManualClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_s(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Crash(Exception):
    """Stands for SIGKILL: nothing after it runs."""


class CrashingStore:
    """A store that dies at its n-th commit, before or after it became durable."""

    def __init__(self, store: StateStore, at: int, *, durable: bool) -> None:
        self._store = store
        self._left = at
        self._durable = durable

    def commit(self, *arguments: Any, **keywords: Any) -> int:
        self._left -= 1
        if self._left < 0:
            if self._durable:
                self._store.commit(*arguments, **keywords)
            raise Crash
        return self._store.commit(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class Engine:
    """One platform and its state. `events` are those of the last apply."""

    world: MemoryWorld = field(default_factory=MemoryWorld)
    clock: ManualClock = field(default_factory=ManualClock)
    directory: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SqliteStore(Path(self.directory.name) / "state.db", clock=self.clock, keyring=lambda: KEY)
        self.providers = {region: MemoryProvider(self.world, region=region, parallelism=4) for region in ("us", "eu")}

    def close(self) -> None:
        self.store.close()
        self.directory.cleanup()

    def plan(self, desired: Collection[Resource], **options: Any) -> Plan:
        snapshot = self.store.snapshot(SCOPE)
        self.snapshot = snapshot
        plan, _ = make_plan(
            PlanInputs(
                scope=SCOPE,
                desired={resource.address: resource for resource in desired},
                snapshot=snapshot,
                readings=begin_reading(SCOPE, snapshot, self.providers)(),
                tool_version="test",
                **options,
            )
        )
        return plan

    def apply(self, plan: Plan, *, crash_at: int | None = None, durable: bool = False) -> ApplyResult:
        """Raises Crash when told to."""
        self.events.clear()
        store: Any = self.store if crash_at is None else CrashingStore(self.store, crash_at, durable=durable)
        lease = self.store.acquire(SCOPE, "test", 60.0)
        tools = ApplyTools(
            store=store,
            secrets=self.store,
            providers=self.providers,
            clock=self.clock,
            sink=self.events.append,
            interruption=Interruption(),
        )
        try:
            return run_plan(tools, plan, self.store.snapshot(SCOPE), lease)
        finally:
            if crash_at is None:
                self.store.release(lease)
            else:
                self.clock.pass_s(120)  # nobody released the lock: it expires

    def converge(self, desired: Collection[Resource], **options: Any) -> Plan:
        """Applies, and answers the plan after it."""
        self.apply(self.plan(desired, **options))
        return self.plan(desired, **options)


APPS = ("ab-one", "ab-two", "ab-three")


@st.composite
def platforms(draw: st.DrawFn) -> list[Resource]:
    """Any set of apps, with parts, values and references between them."""
    resources: list[Resource] = []
    names = draw(st.lists(st.sampled_from(APPS), unique=True, min_size=1))
    for name in names:
        resources += _app(draw, name, names)
    return resources


def _app(draw: st.DrawFn, name: str, names: Collection[str]) -> list[Resource]:
    region = draw(st.sampled_from(["us", "us", "eu"]))
    app = ResourceAddress("app", name)
    found = [Resource(address=app, region=region, attributes={"name": name, "maintenance": draw(st.booleans())})]
    config: dict[str, Any] = draw(
        st.dictionaries(st.sampled_from(["A", "B", "C"]), st.text(alphabet="xyz", max_size=3), max_size=3)
    )
    for other in sorted(names):
        if other != name and draw(st.booleans()):
            config[f"URL_{other.removeprefix('ab-').upper()}"] = Reference(ResourceAddress("app", other), "url")
    attachments: dict[str, Any] = {}
    for alias in draw(st.lists(st.sampled_from(["DB", "CACHE"]), unique=True)):
        addon, attachment = ResourceAddress("addon", name, alias), ResourceAddress("attachment", name, alias)
        plan = draw(st.sampled_from(["mini", "big"]))
        found.append(
            Resource(address=addon, region=region, attributes={"service": "postgres", "plan": plan}, after=(app,))
        )
        variables = {f"{alias}_URL": Reference(addon, "url")}
        found.append(
            Resource(address=attachment, region=region, attributes={"addon": Reference(addon, "id"), "vars": variables})
        )
        attachments[alias] = Reference(attachment, "revision")
    addresses = {kind: ResourceAddress(kind, name) for kind in ("config", "slug", "release", "formation")}
    source = draw(st.sampled_from(["s1", "s2"]))
    release: Mapping[str, Any] = {
        "slug": Reference(addresses["slug"], "id"),
        "config": Reference(addresses["config"], "revision"),
        "attachments": attachments,
    }
    processes = {"web": {"command": "run", "size": "standard-1x", "quantity": draw(st.integers(0, 3))}}
    found += [
        Resource(address=addresses["config"], region=region, attributes={"vars": config}, after=(app,)),
        Resource(address=addresses["slug"], region=region, attributes={"source": source, "path": "."}, after=(app,)),
        Resource(address=addresses["release"], region=region, attributes=release),
        Resource(
            address=addresses["formation"],
            region=region,
            attributes={"release": Reference(addresses["release"], "version"), "processes": processes},
        ),
    ]
    return found


def everything_confirmed(*sets: Collection[Resource]) -> list[ResourceAddress]:
    return sorted({resource.address for resources in sets for resource in resources})
