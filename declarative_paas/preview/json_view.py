"""The JSON of a preview: the saved plan, redacted, with everything a reviewer is told. See docs/plan-json.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic, Position
from declarative_paas.core.plan import Plan, plan_to_json
from declarative_paas.preview.costs import cost_view
from declarative_paas.preview.model import Preview
from declarative_paas.preview.review import NOTHING_MORE, Known, review
from declarative_paas.preview.summary import banners

PREVIEW_FORMAT: Final = 1
"""Of the keys that are not the saved plan's own; a new key is no new format."""


def plan_view(plan: Plan, known: Known = NOTHING_MORE) -> dict[str, Any]:
    """What `dpaas plan --json` prints of a plan."""
    return preview_view(review(plan, known))


def preview_view(preview: Preview) -> dict[str, Any]:
    """JSON values only; no secret, no timestamp: the same plan gives the same text.

    `digest` is the real plan's. Where a value was masked it is not this document's own, so that a preview with
    masked values can never be applied.
    """
    verdict = preview.verdict
    return {
        **plan_to_json(preview.plan),
        "digest": preview.digest,
        "verdict": {
            "text": preview.verdict_text,
            "has_changes": not preview.plan.is_empty,
            "highest_risk": None if verdict.worst is None else verdict.worst.value,
            "price_delta_cents": verdict.cost.delta_cents,
        },
        "banners": [
            {"risk": risk.kind.value, "address": address, "detail": risk.detail}
            for risk, address in banners(preview.plan)
        ],
        "preview": {
            "format": PREVIEW_FORMAT,
            "failed": preview.failed,
            "may_be_applied": preview.may_be_applied,
            "standing": preview.standing,
            "apps": [_app(preview, number) for number in range(len(preview.apps))],
            "cost": cost_view(preview.total),
            "risks": list(_risks(preview)),
            "restarts": [
                {"app": restart.app, "dynos": list(restart.dynos), "rolling": restart.rolling}
                for restart in preview.restarts
            ],
            "limits": [
                {"address": limit.address, "text": limit.sentence, "reached": limit.reached} for limit in preview.limits
            ],
            "diagnostics": [_diagnostic(item) for item in preview.diagnostics],
            "next_commands": list(preview.next_commands),
            "base": preview.origin.base,
            "head": preview.origin.head,
            "since": None
            if preview.since is None
            else {"name": preview.since.name, "differences": list(preview.since.lines)},
        },
    }


def _app(preview: Preview, number: int) -> dict[str, Any]:
    app = preview.apps[number]
    return {
        "name": app.name,
        "regions": app.regions,
        "counts": dict(sorted(app.counts.items())),
        "highest_risk": None if app.worst is None else app.worst.value,
        "changes": [change.key for change in app.changes],
        "cost": cost_view(app.cost),
    }


def _risks(preview: Preview) -> Iterator[dict[str, Any]]:
    for risk in preview.risks:
        yield {
            "risk": risk.kind.value,
            "address": risk.address,
            "detail": risk.detail,
            "avoid": risk.avoid,
            "confirmed": risk.confirmed,
            "position": _position(risk.position),
        }


def _diagnostic(item: Diagnostic) -> dict[str, Any]:
    return {
        "severity": item.severity.value,
        "code": item.code,
        "summary": item.summary,
        "position": _position(item.position),
        "address": item.address,
        "expected": item.expected,
        "suggestion": item.suggestion,
        "detail": item.detail,
    }


def _position(position: Position | None) -> list[str | int] | None:
    return None if position is None else [position.file, position.line, position.column]
