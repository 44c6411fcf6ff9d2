"""The history's ear on the event stream: what an apply did, counted from what it told."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from declarative_paas.core.event import ApplyOutcome, Event, EventKind, EventSink


class Tally:
    """Passes every event on and keeps what a history entry holds. Thread-safe."""

    def __init__(self, onward: EventSink) -> None:
        self._onward = onward
        self._lock = threading.Lock()
        self._failures: list[str] = []
        self._succeeded: Mapping[str, int] = {}
        self._outcome: ApplyOutcome | None = None

    def __call__(self, event: Event) -> None:
        if event.kind is EventKind.STEP_FAILED:
            with self._lock:
                self._failures.append(f"{event.address}: {event.message}")
        elif event.kind is EventKind.APPLY_FINISHED:
            with self._lock:
                self._outcome = event.outcome
                self._succeeded = dict(sorted((event.succeeded or {}).items()))
        self._onward(event)

    @property
    def outcome(self) -> ApplyOutcome:
        """Raises ValueError before the apply has finished."""
        if self._outcome is None:
            raise ValueError("the apply has not finished")
        return self._outcome

    @property
    def succeeded(self) -> Mapping[str, int]:
        """Steps that succeeded, by operation."""
        return self._succeeded

    @property
    def failures(self) -> Sequence[str]:
        """Each failed step's address and reason."""
        return tuple(self._failures)
