"""The history's ear on the event stream: what an apply did, counted from what it told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from declarative_paas.core.event import ApplyOutcome, Event, EventKind, EventSink
from declarative_paas.core.plan import Step
from declarative_paas.core.state import HistoryEntry

_FAILURES_SO_FAR: Final = 1000
"""How many are told while an apply is under way: each commit writes them. At its end all are."""


class Tally:
    """Passes every event on and keeps what a history entry holds. Thread-safe."""

    def __init__(self, onward: EventSink) -> None:
        self._onward = onward
        self._lock = threading.Lock()
        self._failures: list[str] = []
        self._succeeded: Counter[str] = Counter()
        self._under_way: dict[str, str] = {}
        self._outcome: ApplyOutcome | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._count(event)
        self._onward(event)

    def _count(self, event: Event) -> None:
        step, operation = event.step_id or "", event.operation or ""
        match event.kind:
            case EventKind.STEP_STARTED:
                self._under_way[step] = f"{operation} {event.address}"
            case EventKind.STEP_SUCCEEDED:
                self._under_way.pop(step, None)
                self._succeeded[operation] += 1
            case EventKind.STEP_FAILED:
                self._under_way.pop(step, None)
                self._failures.append(f"{event.address}: {event.message}")
            case EventKind.APPLY_FINISHED:
                self._outcome = event.outcome
            case _:
                pass

    def so_far(self, entry: HistoryEntry, begin: Sequence[Step]) -> HistoryEntry:
        """The entry of an apply under way, once these steps too have begun."""
        with self._lock:
            begun = [f"{step.operation.value} {step.address}" for step in begin]
            return replace(
                entry,
                summary=self.succeeded,
                failures=tuple(self._failures[:_FAILURES_SO_FAR]),
                under_way=(*self._under_way.values(), *begun),
            )

    @property
    def outcome(self) -> ApplyOutcome:
        """Raises ValueError before the apply has finished."""
        if self._outcome is None:
            raise ValueError("the apply has not finished")
        return self._outcome

    @property
    def succeeded(self) -> Mapping[str, int]:
        """Steps that succeeded, by operation."""
        return dict(sorted(self._succeeded.items()))

    @property
    def failures(self) -> Sequence[str]:
        """Each failed step's address and reason."""
        return tuple(self._failures)

    @property
    def under_way(self) -> Sequence[str]:
        """Steps that have begun and not ended: after the end, those that a second Ctrl-C left."""
        return tuple(self._under_way.values())
