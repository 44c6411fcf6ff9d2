"""The verdict: how many of what, at what price, at what risk."""

from __future__ import annotations

from dataclasses import dataclass

from declarative_paas.core.plan import Action, Plan, Risk, RiskKind
from declarative_paas.preview.costs import Cost, cost_text, plan_cost
from declarative_paas.preview.values import printable

WORST_FIRST = (
    RiskKind.DATA_LOSS,
    RiskKind.JURISDICTION_MOVE,
    RiskKind.REGION_MOVE,
    RiskKind.EXPOSURE,
    RiskKind.PROMOTION,
    RiskKind.DOWNTIME,
    RiskKind.RESTART,
)
_MANY = 3
"""More addresses than this with the same banner are counted: each is shown further down anyway."""

BANNERS = frozenset(WORST_FIRST) - {RiskKind.RESTART}
"""A restart is predicted beside its change; everything above it is shown first of all."""

NO_CHANGES = "No changes. The platform matches the manifests."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`cost` is the environment's. `worst` is None when nothing is at risk. `move` are those whose old side is kept:
    they count as neither updates nor replacements."""

    create: int
    update: int
    replace: int
    delete: int
    forget: int
    unchanged: int
    cost: Cost
    worst: RiskKind | None
    move: int = 0


def verdict_of(plan: Plan) -> Verdict:
    kinds = {risk.kind for change in plan.changes for risk in change.risks}
    moved = [change.action for change in plan.changes if change.retains]
    return Verdict(
        create=plan.count(Action.CREATE),
        update=plan.count(Action.UPDATE) - moved.count(Action.UPDATE),
        replace=plan.count(Action.REPLACE) - moved.count(Action.REPLACE),
        delete=plan.count(Action.DELETE),
        forget=plan.count(Action.FORGET),
        unchanged=plan.unchanged,
        cost=plan_cost(plan),
        worst=next((kind for kind in WORST_FIRST if kind in kinds), None),
        move=len(moved),
    )


def no_changes(plan: Plan) -> str:
    """What an empty plan says, as far as it looked."""
    if plan.destroy:
        return "No changes. Nothing is left to destroy."
    if plan.refresh_only:
        return "No changes. A refresh only brings records up to date."
    if plan.targets or plan.excludes:
        return "No changes. What was asked for is as the manifests say."
    return NO_CHANGES


def verdict_line(verdict: Verdict) -> str:
    """`Plan: 7 to create, 1 to update. $62.00/mo (+$12.00, +24 %). Highest risk: restart.`"""
    counts = [
        f"{count} to {verb}"
        for count, verb in (
            (verdict.create, "create"),
            (verdict.update, "update"),
            (verdict.replace, "replace"),
            (verdict.move, "move"),
            (verdict.delete, "delete"),
            (verdict.forget, "forget"),
        )
        if count
    ]
    sentences = [f"Plan: {', '.join(counts)}" if counts else NO_CHANGES.removesuffix(".")]
    if verdict.unchanged:
        sentences[0] += f" ({verdict.unchanged} unchanged)"
    sentences.append(cost_text(verdict.cost))
    if verdict.worst is not None:
        sentences.append(f"Highest risk: {verdict.worst.value}")
    return ". ".join(sentence for sentence in sentences if sentence) + "."


def banners(plan: Plan) -> list[tuple[Risk, str]]:
    """What a reviewer must see first, worst first: each risk with the address it concerns."""
    found = [(risk, str(change.address)) for change in plan.changes for risk in change.risks if risk.kind in BANNERS]
    return sorted(found, key=lambda item: (WORST_FIRST.index(item[0].kind), item[1], item[0].detail))


def banner_lines(plan: Plan) -> list[str]:
    """`! JURISDICTION MOVE: US -> EU (10 resources of shop)`: one line for each different risk."""
    confirmed = {str(address) for address in plan.confirmed}
    # Not by Risk: two risks with the same detail are equal, of whatever kind.
    concerned: dict[tuple[RiskKind, str], list[str]] = {}
    texts: dict[tuple[RiskKind, str], str] = {}
    for risk, address in banners(plan):
        detail = risk.detail.removeprefix(f"{risk.kind.value.split()[0]} ")
        key = (risk.kind, detail)
        texts.setdefault(key, f"! {risk.kind.value.upper()}: {detail}")
        concerned.setdefault(key, []).append(address)
    lines: list[str] = []
    for key, text in texts.items():
        names = [name for name in dict.fromkeys(concerned[key]) if name not in text]
        where = f" ({_several(names)})" if names else ""
        agreed = key[0] is RiskKind.DATA_LOSS and confirmed.issuperset(concerned[key])
        lines.append(printable(f"{text}{where}{', confirmed' if agreed else ''}"))
    return lines


def _several(names: list[str]) -> str:
    if len(names) <= _MANY:
        return ", ".join(names)
    apps = sorted({name.partition(".")[2].partition("/")[0] for name in names})
    return f"{len(names)} resources of {', '.join(apps)}"
