"""What a plan costs: the change, the new total and its share, for each app and for the environment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.preview.values import dollars, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US cents a month. `after_cents` None: only the change is known. `percent` of what was."""

    name: str
    delta_cents: int
    after_cents: int | None
    unpriced: int

    @property
    def percent(self) -> int | None:
        """None when nothing was paid before, or nobody knows how much."""
        before = None if self.after_cents is None else self.after_cents - self.delta_cents
        return round(100 * self.delta_cents / before) if before else None


def app_cost(app: str, changes: Iterable[Change], plan: Plan) -> Cost:
    """Of a plan that was saved before it told its apps' prices, only the change is known."""
    price = plan.app_prices.get(app)
    if price is not None:
        return Cost(
            name=printable(app),
            delta_cents=price.after_cents - price.before_cents,
            after_cents=price.after_cents,
            unpriced=price.unpriced,
        )
    mine = list(changes)
    return Cost(
        name=printable(app),
        delta_cents=sum(_after(change) - (change.price_before_cents or 0) for change in mine),
        after_cents=None,
        unpriced=sum(change.price_after_cents is None and not _removes(change) for change in mine),
    )


def plan_cost(plan: Plan) -> Cost:
    """Of the whole environment."""
    return Cost(
        name=printable(plan.scope.environment),
        delta_cents=plan.price_after_cents - plan.price_before_cents,
        after_cents=plan.price_after_cents,
        unpriced=plan.unpriced,
    )


def cost_text(cost: Cost) -> str:
    """`$62.00/mo (+$12.00, +24 %), 1 without a price`; empty for what costs nothing and never did."""
    sign = "+" if cost.delta_cents > 0 else ""
    change = f"{sign}{dollars(cost.delta_cents)}"
    unpriced = f", {cost.unpriced} without a price" if cost.unpriced else ""
    if cost.after_cents is None:
        return f"{change}/mo{unpriced}" if cost.delta_cents or unpriced else ""
    if not (cost.after_cents or cost.delta_cents or cost.unpriced):
        return ""
    percent = f", {cost.percent:+,} %" if cost.percent else ""
    return f"{dollars(cost.after_cents)}/mo{f' ({change}{percent})' if cost.delta_cents else ''}{unpriced}"


def cost_view(cost: Cost) -> dict[str, int | None]:
    """JSON values only."""
    return {
        "delta_cents": cost.delta_cents,
        "after_cents": cost.after_cents,
        "percent": cost.percent,
        "unpriced": cost.unpriced,
    }


def _after(change: Change) -> int:
    return 0 if _removes(change) else change.price_after_cents or 0


def _removes(change: Change) -> bool:
    return change.action in (Action.DELETE, Action.FORGET)
