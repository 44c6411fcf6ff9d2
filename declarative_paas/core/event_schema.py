"""The JSON Schema (draft 2020-12) of an event as `--json` prints it: one a line. See docs/events.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from declarative_paas.core.event import EVENT_FORMAT, ApplyOutcome, EventKind
from declarative_paas.core.plan import Operation

FILE_NAME: Final = "events.schema.json"

_ALWAYS: Final = ("format", "kind", "at", "done", "total")
_OF_A_STEP: Final = ("step", "address", "operation", "region")
_OPERATIONS: Final = [operation.value for operation in Operation]
_COUNT: Final = {"type": "integer", "minimum": 0}

_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "format": {"const": EVENT_FORMAT, "description": "The version of this form."},
    "kind": {"type": "string", "description": "What happened. Programs ignore the kinds that they do not know."},
    "at": {"type": "string", "format": "date-time", "description": "When: ISO 8601, UTC, milliseconds."},
    "done": {**_COUNT, "description": "How many of the plan's steps have ended, well or not."},
    "total": {**_COUNT, "description": "How many steps the plan has."},
    "step": {"type": "string", "description": "The step's id, as in the plan's `steps`."},
    "address": {"type": "string", "description": "The resource's address, as plans print it."},
    "operation": {"enum": _OPERATIONS, "description": "What is done to the resource."},
    "region": {"type": "string", "description": "Where it is done."},
    "message": {"type": "string", "description": "What a person reads: progress, a failure's reason. No secret."},
    "code": {"type": "string", "description": "The platform's own code of a failure, such as R10."},
    "detail": {"type": "array", "items": {"type": "string"}, "description": "The last lines that explain a failure."},
    "attempt": {"type": "integer", "minimum": 2, "description": "The number of the try that begins."},
    "elapsed_s": {"type": "number", "minimum": 0, "description": "Seconds since the step, or the apply, started."},
    "outcome": {"enum": [outcome.value for outcome in ApplyOutcome], "description": "How the apply ended."},
    "succeeded": {
        "type": "object",
        "propertyNames": {"enum": _OPERATIONS},
        "additionalProperties": {"type": "integer", "minimum": 1},
        "description": "How many steps of each operation succeeded.",
    },
}

_REQUIRED: Final[Mapping[EventKind, tuple[str, ...]]] = {
    EventKind.APPLY_STARTED: (),
    EventKind.STEP_STARTED: _OF_A_STEP,
    EventKind.STEP_PROGRESS: (*_OF_A_STEP, "message"),
    EventKind.STEP_RETRIED: (*_OF_A_STEP, "message", "attempt"),
    EventKind.STEP_SUCCEEDED: (*_OF_A_STEP, "elapsed_s"),
    EventKind.STEP_FAILED: (*_OF_A_STEP, "message", "elapsed_s"),
    EventKind.STEP_SKIPPED: (*_OF_A_STEP, "message"),
    EventKind.INTERRUPTED: (),
    EventKind.APPLY_FINISHED: ("outcome", "succeeded", "elapsed_s"),
}
"""What an event of each kind has beside what all have."""


def event_schema() -> dict[str, Any]:
    """The schema of one line. Fields that it does not name may be there: a later version has more."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dpaas event",
        "description": "One event of an apply or a destroy, as --json prints it: one a line.",
        "type": "object",
        "required": list(_ALWAYS),
        "properties": {name: dict(field) for name, field in _FIELDS.items()},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind.value}}, "required": ["kind"]},
                "then": {"required": list(required)},
            }
            for kind, required in _REQUIRED.items()
            if required
        ],
    }


def event_schema_text() -> str:
    """Exactly what stands in `schemas/`."""
    return json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"
