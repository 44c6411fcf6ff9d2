"""An executor on a real store and a scripted provider."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from declarative_paas.apply.executor import ApplyResult, ApplyTools, Interruption, run_plan
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.event import Event
from declarative_paas.core.plan import Plan
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Done,
    InstanceKey,
    Pending,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring

SCOPE = Scope("acme")
KEY = Keyring(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
Script = Callable[[StepRequest, StepContext], Done | Pending]


class SteppingClock:
    """Time passes a second with every look, unless told otherwise."""

    def __init__(self, step_s: float = 0.0) -> None:
        self._time = datetime(2026, 1, 1, tzinfo=UTC)
        self._step = timedelta(seconds=step_s)

    def now(self) -> datetime:
        return self._time

    def monotonic(self) -> float:
        self._time += self._step
        return self._time.timestamp()

    def pass_s(self, seconds: float) -> None:
        self._time += timedelta(seconds=seconds)


class ScriptedProvider:
    """Answers each step by a script of its address, or at once. `most` is how many ran at the same time."""

    def __init__(self, scripts: Mapping[str, Script] | None = None, parallelism: int = 4) -> None:
        self._scripts = dict(scripts or {})
        self._parallelism = parallelism
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0
        self.requests: list[StepRequest] = []

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=self._parallelism)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return ()

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        return dict.fromkeys(query.pending, Absent())

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
            self.requests.append(request)
        try:
            script = self._scripts.get(str(request.address))
            return Done(remote_id="r", outputs={"id": request.instance}) if script is None else script(request, context)
        finally:
            with self._lock:
                self._running -= 1

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return Done(remote_id=pending.token)


class Bench:
    """One store in a directory, planned and applied on."""

    def __init__(self, directory: Path, provider: ScriptedProvider, clock: SteppingClock | None = None) -> None:
        self.clock = clock or SteppingClock()
        self.store = SqliteStore(directory / "state.db", clock=self.clock, keyring=lambda: KEY)
        self.provider = provider
        self.events: list[Event] = []
        self.interruption = Interruption()

    def plan(self, *desired: Resource, **options: Any) -> Plan:
        plan, _ = make_plan(
            PlanInputs(
                scope=SCOPE,
                desired={resource.address: resource for resource in desired},
                snapshot=self.store.snapshot(SCOPE),
                readings={},
                tool_version="test",
                **options,
            )
        )
        return plan

    def apply(self, plan: Plan, **options: Any) -> ApplyResult:
        with self.leased() as lease:
            return run_plan(self.tools(**options), plan, self.store.snapshot(SCOPE), lease)

    def tools(self, **options: Any) -> ApplyTools:
        return ApplyTools(
            store=self.store,
            secrets=self.store,
            providers={"us": self.provider},
            clock=self.clock,
            sink=self.events.append,
            interruption=self.interruption,
            **options,
        )

    @contextmanager
    def leased(self) -> Iterator[Any]:
        lease = self.store.acquire(SCOPE, "test", 60.0)
        try:
            yield lease
        finally:
            self.store.release(lease)

    def kinds(self, address: str) -> list[str]:
        return [event.kind.value for event in self.events if str(event.address) == address]


def want(address: str, attributes: Mapping[str, Any] | None = None, *, after: Sequence[str] = ()) -> Resource:
    return Resource(
        address=ResourceAddress.parse(address),
        region="us",
        attributes=attributes or {},
        after=tuple(ResourceAddress.parse(text) for text in after),
    )


def ref(address: str, attribute: str) -> Reference:
    return Reference(ResourceAddress.parse(address), attribute)
