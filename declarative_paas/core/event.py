"""What happens while a plan runs: one typed stream for the terminal, JSON lines and the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from declarative_paas.core.address import ResourceAddress

EVENT_FORMAT = 1
"""Grows when a field goes or means something else; a new field or a new kind of event leaves it as it is."""


class EventKind(Enum):
    """What happened, in the order in which a step can go through them."""

    APPLY_STARTED = "apply_started"
    STEP_STARTED = "step_started"
    STEP_PROGRESS = "step_progress"
    STEP_RETRIED = "step_retried"
    STEP_SUCCEEDED = "step_succeeded"
    STEP_FAILED = "step_failed"
    STEP_SKIPPED = "step_skipped"
    INTERRUPTED = "interrupted"
    APPLY_FINISHED = "apply_finished"


class ApplyOutcome(Enum):
    """How an apply ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`elapsed_s` counts from the step's start, or the apply's; `total` and `done` count the plan's steps.

    `attempt` is the number of the try that begins, from 2. `outcome` tells how an apply ended, `succeeded` how
    many steps of each operation did.
    """

    kind: EventKind
    at: str
    step_id: str | None = None
    address: ResourceAddress | None = None
    operation: str | None = None
    region: str | None = None
    message: str | None = None
    code: str | None = None
    detail: Sequence[str] = field(default=())
    attempt: int | None = None
    elapsed_s: float | None = None
    outcome: ApplyOutcome | None = None
    succeeded: Mapping[str, int] | None = None
    done: int = 0
    total: int = 0

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "format": EVENT_FORMAT,
            "kind": self.kind.value,
            "at": self.at,
            "done": self.done,
            "total": self.total,
        }
        optional = {
            "step": self.step_id,
            "address": None if self.address is None else str(self.address),
            "operation": self.operation,
            "region": self.region,
            "message": self.message,
            "code": self.code,
            "detail": list(self.detail) or None,
            "attempt": self.attempt,
            "elapsed_s": None if self.elapsed_s is None else round(self.elapsed_s, 3),
            "outcome": None if self.outcome is None else self.outcome.value,
            "succeeded": None if self.succeeded is None else dict(self.succeeded),
        }
        data.update({key: value for key, value in optional.items() if value is not None})
        return data


class EventSink(Protocol):
    """Takes events from any thread; must not block for long."""

    def __call__(self, event: Event) -> None: ...
