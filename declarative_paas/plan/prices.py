"""What everything costs a month, before a plan and after it: of each app, and so of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Change
from declarative_paas.core.price import AppPrice
from declarative_paas.core.resource import Resource
from declarative_paas.plan.exclusion import Exclusion
from declarative_paas.plan.prior import Priors


def prices_of(
    desired: Mapping[ResourceAddress, Resource],
    changes: Mapping[ResourceAddress, Change],
    priors: Priors,
    exclusion: Exclusion,
    kept: Mapping[str, tuple[int, int]],
) -> dict[str, AppPrice]:
    """Of every app. `kept` are cents before and after, by app, of what is kept of moves between regions."""
    sums: dict[str, list[int]] = {app: [before, after, 0] for app, (before, after) in kept.items()}
    for app, before, after in _amounts(desired, changes, priors, exclusion):
        mine = sums.setdefault(app, [0, 0, 0])
        mine[0] += before
        mine[1] += after or 0
        mine[2] += after is None
    return {
        app: AppPrice(before_cents=before, after_cents=after, unpriced=unpriced)
        for app, (before, after, unpriced) in sums.items()
    }


def told_prices(prices: Mapping[str, AppPrice], changes: Iterable[Change]) -> Mapping[str, Any]:
    """As a plan has them: the sums over all apps, and those of each app that changes."""
    return {
        "price_before_cents": sum(price.before_cents for price in prices.values()),
        "price_after_cents": sum(price.after_cents for price in prices.values()),
        "unpriced": sum(price.unpriced for price in prices.values()),
        "app_prices": {app: prices.get(app, AppPrice()) for app in sorted({change.address.app for change in changes})},
    }


def _amounts(
    desired: Mapping[ResourceAddress, Resource],
    changes: Mapping[ResourceAddress, Change],
    priors: Priors,
    exclusion: Exclusion,
) -> Iterator[tuple[str, int, int | None]]:
    """(app, cents before, cents after), the latter None for what is there then and has no price."""
    for address, prior in priors.current.items():
        price = 0 if prior.record is None else prior.record.price_cents
        kept: int | None = 0
        if address not in changes:
            kept = desired[address].price_cents if address in desired and exclusion.allows(address) else price
        yield address.app, price or 0, kept
    for address, change in changes.items():
        if address in desired:
            yield address.app, 0, change.price_after_cents
