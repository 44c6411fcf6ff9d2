"""What a plan costs: the change, the new total and its share, for each app and for the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.resource import InstanceStatus, Resource
from declarative_paas.core.state import Snapshot
from declarative_paas.preview.model import Cost
from declarative_paas.preview.values import printable


def app_totals(plan: Plan, desired: Mapping[ResourceAddress, Resource], snapshot: Snapshot) -> dict[str, int]:
    """Cents a month that each app costs after the plan: what changes, and what stays as recorded or declared."""
    prices: dict[ResourceAddress, int] = {
        record.address: record.price_cents or 0
        for record in snapshot.resources.values()
        if record.status is InstanceStatus.CURRENT
    }
    changing: set[ResourceAddress] = set()
    for change in plan.changes:
        if change.moved_from is not None:
            prices.pop(change.moved_from, None)
        # The second one of an address is of another instance, which is left over or kept.
        if change.address not in changing:
            prices[change.address] = _after(change)
        changing.add(change.address)
    for address, resource in desired.items():
        if address in prices and address not in changing:
            prices[address] = resource.price_cents or 0
    totals: dict[str, int] = {}
    for address, price in prices.items():
        totals[address.app] = totals.get(address.app, 0) + price
    return totals


def app_cost(app: str, changes: Iterable[Change], totals: Mapping[str, int] | None) -> Cost:
    """Without totals only the change is known."""
    mine = list(changes)
    return Cost(
        name=printable(app),
        delta_cents=sum(_after(change) - (change.price_before_cents or 0) for change in mine),
        after_cents=None if totals is None else totals.get(app, 0),
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


def _after(change: Change) -> int:
    return 0 if _removes(change) else change.price_after_cents or 0


def _removes(change: Change) -> bool:
    return change.action in (Action.DELETE, Action.FORGET)
