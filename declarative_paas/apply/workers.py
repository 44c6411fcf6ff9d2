"""Threads that run provider calls. Daemons: a second Ctrl-C must not wait for a slow platform."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from declarative_paas.apply.policy import RETRIES
from declarative_paas.apply.rate import TokenBucket
from declarative_paas.core.plan import Step
from declarative_paas.core.provider import Done, ErrorKind, Pending, Provider, ProviderError, StepContext, StepRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One step to be run. `retrying` is told the error and the number of the try that begins."""

    step: Step
    request: StepRequest
    provider: Provider
    report: Callable[[str], None]
    retrying: Callable[[ProviderError, int], None]
    deadline_s: float
    rate: TokenBucket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job: `done` or `error`, never both."""

    job: Job
    elapsed_s: float
    done: Done | None = None
    error: ProviderError | None = None


class Workers:
    """Grows to `limit` threads as jobs come; outcomes arrive in one queue."""

    def __init__(self, limit: int, abandoned: threading.Event) -> None:
        self._limit = limit
        self._abandoned = abandoned
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._outstanding = 0
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def submit(self, job: Job) -> None:
        self._outstanding += 1
        if self._outstanding > len(self._threads) and len(self._threads) < self._limit:
            thread = threading.Thread(target=self._work, name=f"step-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def write_off(self) -> None:
        """One thread is lost in a call that does not return: another one may take its place."""
        self._limit += 1

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Waits for one outcome, then takes all that are there."""
        found: list[Outcome] = []
        try:
            found.append(self.outcomes.get(timeout=timeout_s))
            while True:
                found.append(self.outcomes.get_nowait())
        except queue.Empty:
            pass
        self._outstanding -= len(found)
        return found

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self.outcomes.put(_run(job, self._abandoned))


def _run(job: Job, abandoned: threading.Event) -> Outcome:
    started = time.monotonic()

    def cancelled() -> bool:
        return abandoned.is_set() or time.monotonic() - started > job.deadline_s

    context = StepContext(report=job.report, cancelled=cancelled)
    attempt = 1
    while True:
        try:
            done = _to_the_end(job, context, abandoned)
            return Outcome(job=job, elapsed_s=time.monotonic() - started, done=done)
        except ProviderError as error:
            retry = RETRIES[error.kind]
            attempt += 1
            if attempt > retry.tries or cancelled():
                return Outcome(job=job, elapsed_s=time.monotonic() - started, error=error)
            job.retrying(error, attempt)
            abandoned.wait(retry.wait_before(attempt))
        except Exception as bug:
            return Outcome(job=job, elapsed_s=time.monotonic() - started, error=_internal_error(bug))


def _to_the_end(job: Job, context: StepContext, abandoned: threading.Event) -> Done:
    _await_turn(job, context, abandoned)
    progress = job.provider.begin(job.request, context)
    while isinstance(progress, Pending):
        abandoned.wait(progress.retry_in_s)
        _await_turn(job, context, abandoned)
        progress = job.provider.poll(job.request, progress, context)
    return progress


def _await_turn(job: Job, context: StepContext, abandoned: threading.Event) -> None:
    """Until the region's rate allows one more call. Raises ProviderError when the step is to be given up."""
    if job.rate is not None:
        abandoned.wait(job.rate.reserve(time.monotonic()))
    if context.cancelled():
        summary = "stopped before it ended" if abandoned.is_set() else f"not finished within {job.deadline_s:.0f} s"
        raise ProviderError(ErrorKind.CANCELLED, summary)


def _internal_error(bug: Exception) -> ProviderError:
    """A bug in a provider must not lose the other steps' results. Its message might hold a secret: only
    where it happened is told."""
    frames = traceback.extract_tb(bug.__traceback__)
    detail = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-6:]]
    return ProviderError(ErrorKind.FAILED, f"internal error ({type(bug).__name__}): please report it", detail=detail)
