"""How near a plan comes to what the platform allows: dynos an app, dynos a type, connections of a database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.preview.dynos import quantities
from declarative_paas.preview.model import Limit
from declarative_paas.preview.values import printable

_NEAR: Final = 0.8
"""Of a limit: below it there is room enough to say nothing."""

_SCARCE: Final = 10
"""Connections a dyno: common pools of web servers open five to ten."""


def limits_of(plan: Plan, catalog: Catalog) -> tuple[Limit, ...]:
    """Only what this plan makes or scales; a limit that is broken is an error and never gets so far."""
    found = (limit for change in plan.changes for limit in _limits(change, plan, catalog))
    return tuple(sorted(found, key=lambda limit: (not limit.reached, limit.address, limit.sentence)))


def _limits(change: Change, plan: Plan, catalog: Catalog) -> Iterator[Limit]:
    if change.after is None or change.action in (Action.DELETE, Action.FORGET):
        return
    match change.address.type:
        case "formation":
            yield from _dynos(change, catalog)
        case "addon":
            yield from _connections(change, plan, catalog)
        case _:
            return


def _dynos(change: Change, catalog: Catalog) -> Iterator[Limit]:
    before, after = quantities(change.before), quantities(change.after)
    total, was = sum(count for _, count in after.values()), sum(count for _, count in before.values())
    app = change.address.app
    if total > was:
        yield from _near(change, total, catalog.dynos_per_app, f"{app} has {total} of at most {{most}} dynos an app")
    for name, (written, count) in sorted(after.items()):
        size = catalog.size(written)
        if size is None or size.max_per_type in (None, 1) or before.get(name) == (written, count):
            continue
        sentence = f"{name} of {app} has {count} of at most {{most}} dynos of size {size.name}"
        yield from _near(change, count, size.max_per_type or 0, sentence)


def _connections(change: Change, plan: Plan, catalog: Catalog) -> Iterator[Limit]:
    attributes = change.after or {}
    found = catalog.plan(f"{attributes.get('service')}:{attributes.get('plan')}")
    if found is None or found.connection_limit is None:
        return
    formation = next(
        (one for one in plan.changes if (one.address.type, one.address.app) == ("formation", change.address.app)), None
    )
    dynos = sum(count for _, count in quantities(None if formation is None else formation.after).values())
    if dynos and found.connection_limit < dynos * _SCARCE:
        share = found.connection_limit // dynos
        sentence = f"{found} allows {found.connection_limit} connections: {share} for each of {dynos} dynos"
        yield _limit(change, sentence, reached=share < 1)


def _near(change: Change, count: int, most: int, sentence: str) -> Iterator[Limit]:
    if count >= most * _NEAR:
        yield _limit(change, sentence.format(most=most), reached=count >= most)


def _limit(change: Change, sentence: str, *, reached: bool) -> Limit:
    return Limit(
        address=printable(str(change.address)),
        app=printable(change.address.app),
        sentence=printable(sentence),
        reached=reached,
        position=change.position,
    )
