"""The JSON of `dpaas plan --json`: the saved plan with its verdict and banners. See docs/plan-json.md."""

from __future__ import annotations

from typing import Any

from declarative_paas.core.plan import Plan, plan_to_json
from declarative_paas.preview.summary import banners, verdict_line, verdict_of


def plan_view(plan: Plan) -> dict[str, Any]:
    """JSON values only; no secret, no timestamp: the same plan gives the same text."""
    verdict = verdict_of(plan)
    return {
        **plan_to_json(plan),
        "verdict": {
            "text": verdict_line(verdict),
            "has_changes": not plan.is_empty,
            "highest_risk": None if verdict.worst is None else verdict.worst.value,
            "price_delta_cents": verdict.price_delta_cents,
        },
        "banners": [
            {"risk": risk.kind.value, "address": address, "detail": risk.detail} for risk, address in banners(plan)
        ],
    }
