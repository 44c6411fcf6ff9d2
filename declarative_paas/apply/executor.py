"""The executor: walks a plan's steps in parallel, journal first, and survives being killed at any instant."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from declarative_paas.apply.policy import GRACE_S, RETRIES, deadline_s
from declarative_paas.apply.rate import TokenBucket
from declarative_paas.apply.records import deposed, made, renamed
from declarative_paas.apply.requests import build_request
from declarative_paas.apply.schedule import Schedule
from declarative_paas.apply.workers import Job, Outcome, Workers
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.clock import Clock
from declarative_paas.core.event import ApplyOutcome, Event, EventKind, EventSink
from declarative_paas.core.plan import Change, Operation, Plan, Step
from declarative_paas.core.provider import ErrorKind, InstanceKey, Provider, ProviderError
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import HistoryEntry, Intent, Lease, SecretStore, Snapshot, StateStore, StepResult

LEASE_TTL_S = 60.0
"""How long a lock outlives a holder of another machine that died; a living one renews it."""

_MAKING = (Operation.CREATE, Operation.RENAME)
"""What may bring a thing about under an address that is not recorded yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailure:
    step: Step
    error: ProviderError


@dataclass(slots=True)
class ApplyResult:
    """What an apply did. `skipped` maps each step that could not run to the failed one it waited for."""

    succeeded: dict[Operation, int] = field(default_factory=dict[Operation, int])
    failures: list[StepFailure] = field(default_factory=list[StepFailure])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    not_started: int = 0
    interrupted: bool = False
    elapsed_s: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.failures and not self.interrupted and not self.skipped

    @property
    def outcome(self) -> ApplyOutcome:
        if self.interrupted:
            return ApplyOutcome.INTERRUPTED
        return ApplyOutcome.SUCCEEDED if self.ok else ApplyOutcome.FAILED


@dataclass(slots=True)
class Interruption:
    """First Ctrl-C: `stop`, nothing new starts. Second: `abandon`, return now; the journal recovers."""

    stop: threading.Event = field(default_factory=threading.Event)
    abandon: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTools:
    """What a run needs of the world. `parallelism` overrides each provider's own limit; `admit` is asked before a
    step of what is recorded by then, and raises ProviderError where it must not be taken. `history` is the entry
    to record when these steps begin: written with every commit, so that a killed run's tells what it did."""

    store: StateStore
    secrets: SecretStore
    providers: Mapping[str, Provider]
    clock: Clock
    sink: EventSink
    interruption: Interruption = field(default_factory=Interruption)
    parallelism: int | None = None
    admit: Callable[[Step, Mapping[ResourceAddress, ResourceState]], None] | None = None
    history: Callable[[Sequence[Step]], HistoryEntry] | None = None


def run_plan(tools: ApplyTools, plan: Plan, snapshot: Snapshot, lease: Lease) -> ApplyResult:
    """Applies the plan under the lease. Raises LeaseLost when another holder took over, StateError when the
    store fails. Only this thread touches the stores; workers only call providers."""
    return _Walk(tools, plan, snapshot, lease).run()


def _limits(tools: ApplyTools) -> dict[str, int]:
    if tools.parallelism is not None:
        return dict.fromkeys(tools.providers, max(1, min(tools.parallelism, 256)))
    return {region: provider.capabilities().parallelism for region, provider in tools.providers.items()}


def _rates(tools: ApplyTools) -> dict[str, TokenBucket]:
    """The regions that count their calls. `--parallelism` does not lift this: the platform would refuse."""
    found: dict[str, TokenBucket] = {}
    for region, provider in tools.providers.items():
        capabilities = provider.capabilities()
        if capabilities.calls_per_minute is not None:
            found[region] = TokenBucket(capabilities.calls_per_minute, burst=capabilities.parallelism)
    return found


class _Walk:
    """One run of one plan."""

    def __init__(self, tools: ApplyTools, plan: Plan, snapshot: Snapshot, lease: Lease) -> None:
        self._tools = tools
        self._limits = _limits(tools)
        self._rates = _rates(tools)
        self._plan = plan
        self._lease = lease
        self._renewed = tools.clock.monotonic()
        self._started = self._renewed
        self._changes: dict[tuple[ResourceAddress, str], Change] = {}
        for change in plan.changes:
            self._changes[(change.address, change.instance)] = change
            if change.prior_instance is not None:
                self._changes.setdefault((change.address, change.prior_instance), change)
        self._records: dict[InstanceKey, ResourceState] = dict(snapshot.resources)
        self._current = {
            record.address: record for record in snapshot.resources.values() if record.status is InstanceStatus.CURRENT
        }
        self._deposed: dict[ResourceAddress, set[str]] = {}
        for record in snapshot.resources.values():
            if record.status is not InstanceStatus.CURRENT:
                self._deposed.setdefault(record.address, set()).add(record.instance)
        self._running: dict[str, tuple[Job, float]] = {}
        self._snapshot = snapshot
        self._schedule = Schedule(plan.steps)
        self._workers = Workers(max(1, sum(self._limits.values())), tools.interruption.abandon)
        self._result = ApplyResult()
        self._done = 0

    def run(self) -> ApplyResult:
        self._emit(EventKind.APPLY_STARTED)
        self._write_refreshed()
        try:
            self._loop()
        finally:
            self._workers.close()
        self._settle_leftovers()
        self._result.elapsed_s = self._tools.clock.monotonic() - self._started
        self._result.not_started = len(self._plan.steps) - self._done - len(self._result.skipped)
        self._emit(
            EventKind.APPLY_FINISHED,
            elapsed_s=self._result.elapsed_s,
            outcome=self._result.outcome,
            succeeded={operation.value: count for operation, count in self._result.succeeded.items()},
        )
        return self._result

    def _loop(self) -> None:
        results: list[StepResult] = []
        interruption = self._tools.interruption
        while True:
            steps = [] if interruption.stop.is_set() else self._schedule.take(self._limit)
            jobs = self._prepare(steps, results)
            if results or jobs:
                # One durable transaction: what ended, and what begins. Journal first: a crash must not
                # orphan a paid add-on. It also checks the fence before every step.
                begun = [job.step for job in jobs]
                entry = None if self._tools.history is None else self._tools.history(begun)
                self._tools.store.commit(self._lease, results=results, intents=[*map(_intent, begun)], entry=entry)
                results = []
            for job in jobs:
                self._emit(EventKind.STEP_STARTED, step=job.step)
                self._running[job.step.id] = (job, self._tools.clock.monotonic())
                self._workers.submit(job)
            if self._schedule.running == 0 and (interruption.stop.is_set() or not self._schedule.ready):
                break
            self._heartbeat()
            if interruption.abandon.is_set():
                break
            for outcome in self._workers.collect(0.2 if interruption.stop.is_set() else 1.0):
                results += self._conclude(outcome)
            results += self._give_up()
        if interruption.stop.is_set():
            self._result.interrupted = True
            self._emit(EventKind.INTERRUPTED)

    def _give_up(self) -> list[StepResult]:
        """Fails what was asked to give up and did not answer: a call that never returns must not hold up the rest."""
        now = self._tools.clock.monotonic()
        late = [(job, now - since) for job, since in self._running.values() if now - since > job.deadline_s + GRACE_S]
        results: list[StepResult] = []
        for job, elapsed_s in late:
            del self._running[job.step.id]
            self._workers.write_off()
            error = ProviderError(ErrorKind.CANCELLED, f"no answer within {elapsed_s:.0f} s: given up")
            # Whatever it was, it may still come about: the next plan looks.
            results.append(replace(self._fail(job.step, error, elapsed_s), keep_intent=True))
        return results

    def _siblings(self, step: Step, change: Change) -> frozenset[str]:
        known = {change.prior_instance} if change.prior_instance is not None else set[str]()
        return frozenset(known | self._deposed.get(step.address, set())) - {step.instance}

    def _limit(self, region: str) -> int:
        return self._limits.get(region, 1)

    def _prepare(self, steps: Sequence[Step], results: list[StepResult]) -> list[Job]:
        """Steps to jobs. A FORGET needs no provider; a request that cannot be built fails its step."""
        jobs: list[Job] = []
        for step in steps:
            if step.operation is Operation.FORGET:
                results.append(
                    self._succeed(step, StepResult(step_id=step.id, remove=(step.address, step.instance)), 0.0)
                )
                continue
            change = self._changes[(step.address, step.instance)]
            try:
                if self._tools.admit is not None:
                    self._tools.admit(step, self._current)
                request = build_request(
                    self._plan.scope,
                    step,
                    change,
                    self._prior(step, change),
                    self._current.get,
                    self._tools.secrets.get,
                    siblings=self._siblings(step, change),
                )
            except ProviderError as error:
                results.append(self._fail(step, error, 0.0))
                continue
            provider = self._tools.providers[step.region]
            jobs.append(
                Job(
                    step=step,
                    request=request,
                    provider=provider,
                    report=self._reporter(step),
                    retrying=self._retry_reporter(step),
                    deadline_s=deadline_s(step),
                    rate=self._rates.get(step.region),
                )
            )
        return jobs

    def _prior(self, step: Step, change: Change) -> ResourceState | None:
        address = step.address
        if step.operation is Operation.RENAME and change.moved_from is not None:
            address = change.moved_from
        return self._records.get((address, step.instance))

    def _reporter(self, step: Step) -> Callable[[str], None]:
        def report(message: str) -> None:
            self._emit(EventKind.STEP_PROGRESS, step=step, message=message)

        return report

    def _retry_reporter(self, step: Step) -> Callable[[ProviderError, int], None]:
        def retrying(error: ProviderError, attempt: int) -> None:
            self._emit(
                EventKind.STEP_RETRIED,
                step=step,
                message=f"{error.summary}; trying again ({attempt} of {RETRIES[error.kind].tries})",
                code=error.code,
                detail=error.detail,
                attempt=attempt,
            )

        return retrying

    def _conclude(self, outcome: Outcome) -> list[StepResult]:
        step = outcome.job.step
        if self._running.pop(step.id, None) is None:
            return []  # it was given up before it answered; its intent is there for the next plan
        if outcome.error is not None or outcome.done is None:
            error = outcome.error
            assert error is not None
            return [self._fail(step, error, outcome.elapsed_s)]
        if step.operation is Operation.DELETE:
            removed = StepResult(step_id=step.id, remove=(step.address, step.instance))
            return [self._succeed(step, removed, outcome.elapsed_s)]
        change = self._changes[(step.address, step.instance)]
        if step.operation is Operation.RENAME:
            return [self._succeed(step, renamed(step, change, self._prior(step, change)), outcome.elapsed_s)]
        # Together with the record that makes it so, in one transaction: at no time are there two current ones.
        old = deposed(step, change, self._records)
        if step.operation in (Operation.CREATE, Operation.UPDATE) and old is not None and old.put is not None:
            self._records[old.put.key] = old.put
            extra = [old]
        else:
            extra = []
        result = made(
            step,
            change,
            outcome.job.request,
            outcome.done,
            scope=self._plan.scope,
            store=self._tools.secrets.put,
            records=self._records,
        )
        return [*extra, self._succeed(step, result, outcome.elapsed_s)]

    def _succeed(self, step: Step, result: StepResult, elapsed_s: float) -> StepResult:
        if result.remove is not None:
            removed = self._records.pop(result.remove, None)
            if removed is not None and self._current.get(removed.address) is removed:
                del self._current[removed.address]
        if result.put is not None:
            self._records[result.put.key] = result.put
            if result.put.status is InstanceStatus.CURRENT:
                self._current[result.put.address] = result.put
        self._schedule.succeed(step)
        self._done += 1
        self._result.succeeded[step.operation] = self._result.succeeded.get(step.operation, 0) + 1
        self._emit(EventKind.STEP_SUCCEEDED, step=step, elapsed_s=elapsed_s)
        return result

    def _fail(self, step: Step, error: ProviderError, elapsed_s: float) -> StepResult:
        self._done += 1
        self._result.failures.append(StepFailure(step=step, error=error))
        self._emit(
            EventKind.STEP_FAILED,
            step=step,
            message=error.summary,
            code=error.code,
            detail=error.detail,
            elapsed_s=elapsed_s,
        )
        for skipped in self._schedule.fail(step):
            self._result.skipped[skipped.id] = step.id
            self._emit(EventKind.STEP_SKIPPED, step=skipped, message=f"waits for {step.address}, which failed")
        # Something may be there under this address: the trace stays, so that the next plan looks for it.
        return StepResult(step_id=step.id, error=error.summary, keep_intent=step.operation in _MAKING)

    def _write_refreshed(self) -> None:
        if not self._plan.refreshed:
            return
        results = [StepResult(step_id=f"refresh:{record.address}", put=record) for record in self._plan.refreshed]
        self._tools.store.commit(self._lease, results=results)
        for record in self._plan.refreshed:
            self._records[record.key] = record
            self._current[record.address] = record

    def _settle_leftovers(self) -> None:
        """Forgets the journaled steps of an earlier, interrupted apply that this one has made good."""
        unsettled = {(failure.step.address, failure.step.instance) for failure in self._result.failures}
        steps = {step.id: step for step in self._plan.steps}
        unsettled |= {(steps[key].address, steps[key].instance) for key in self._result.skipped}
        if self._result.interrupted:
            return
        settled = [
            StepResult(step_id=intent.step_id)
            for intent in self._snapshot.intents
            if intent.step_id in self._plan.settles and (intent.address, intent.instance) not in unsettled
        ]
        if settled:
            self._tools.store.commit(self._lease, results=settled)

    def _heartbeat(self) -> None:
        now = self._tools.clock.monotonic()
        if now - self._renewed > LEASE_TTL_S / 3:
            self._lease = self._tools.store.renew(self._lease, LEASE_TTL_S)
            self._renewed = now

    def _emit(
        self,
        kind: EventKind,
        *,
        step: Step | None = None,
        message: str | None = None,
        code: str | None = None,
        detail: Sequence[str] = (),
        elapsed_s: float | None = None,
        attempt: int | None = None,
        outcome: ApplyOutcome | None = None,
        succeeded: Mapping[str, int] | None = None,
    ) -> None:
        self._tools.sink(
            Event(
                kind=kind,
                at=self._tools.clock.now().isoformat(timespec="milliseconds"),
                step_id=None if step is None else step.id,
                address=None if step is None else step.address,
                operation=None if step is None else step.operation.value,
                region=None if step is None else step.region,
                message=message,
                code=code,
                detail=detail,
                elapsed_s=elapsed_s,
                attempt=attempt,
                outcome=outcome,
                succeeded=succeeded,
                done=self._done,
                total=len(self._plan.steps),
            )
        )


def _intent(step: Step) -> Intent:
    return Intent(
        step_id=step.id, operation=step.operation, address=step.address, instance=step.instance, region=step.region
    )
