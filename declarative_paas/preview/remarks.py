"""What is to be said of a plan as a whole, and of the regions that its changes touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.desired.config import SECRETS_REGION
from declarative_paas.desired.followers import TRANSFERS_REGION
from declarative_paas.preview.values import printable

PLATFORM_S_OWN: Final = frozenset({SECRETS_REGION, TRANSFERS_REGION})
"""Where no app is: what is in them belongs to the platform, wherever its app is."""


def plan_remarks(plan: Plan) -> Iterator[str]:
    """One sentence each: what the plan is limited to, and what it brings up to date."""
    if plan.targets:
        yield f"Limited to {printable(', '.join(plan.targets))}, and what it needs."
    if plan.excludes:
        yield f"Leaves {printable(', '.join(plan.excludes))} alone, and what depends on its changes."
    if plan.settles:
        yield f"Settles {counted(len(plan.settles), 'step')} of an interrupted apply."
    if plan.refreshed:
        verb = "is" if len(plan.refreshed) == 1 else "are"
        yield f"{counted(len(plan.refreshed), 'record')} {verb} out of date: an apply brings the state up to date."


def regions_of(changes: Sequence[Change]) -> str:
    """`us`, or `us -> eu` for an app that moves."""
    moves = {(change.prior_region, change.region) for change in changes if change.action is Action.REPLACE}
    moves = {(before, after) for before, after in moves if before not in (None, after)}
    regions = {change.region for change in changes}
    regions = regions - PLATFORM_S_OWN or regions
    regions -= {region for move in moves for region in move}
    return printable(", ".join([*sorted(f"{before} -> {after}" for before, after in moves), *sorted(regions)]))


def counted(count: int, noun: str) -> str:
    """`1 step`, `2 steps`"""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
