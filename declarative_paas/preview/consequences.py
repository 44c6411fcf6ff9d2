"""What a change does to what runs, and how to avoid each danger of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from declarative_paas.core.following import FOLLOWER_TYPE, is_move
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind
from declarative_paas.core.region_move import COPY_TYPE
from declarative_paas.plan.region_moves import FROZEN_UNTIL
from declarative_paas.plan.risk import restarted_types
from declarative_paas.preview.causes import ways_out
from declarative_paas.preview.dynos import names, quantities
from declarative_paas.preview.model import Restart, RiskView
from declarative_paas.preview.values import printable


def restarts_of(change: Change) -> Iterator[Restart]:
    """The dynos of one formation that this change restarts, and those that it stops for good."""
    if change.address.type != "formation" or change.before is None or change.action is Action.FORGET:
        return
    if change.retains:
        return  # what is left is stopped by its freeze
    before, after = quantities(change.before), quantities(change.after)
    goes_on = {} if change.action in (Action.DELETE, Action.REPLACE) else after
    left = {name: (size, min(count, goes_on[name][1])) for name, (size, count) in before.items() if name in goes_on}
    kept = names(left, sorted(left))
    stopped = [name for name in names(before, sorted(before)) if name not in set(kept)]
    rolled = names(left, restarted_types(change.fields, sorted(left)))
    for dynos, rolling in ((stopped, False), (rolled, True)):
        if dynos:
            yield Restart(app=printable(change.address.app), dynos=tuple(map(printable, dynos)), rolling=rolling)


def risks_of(change: Change, plan: Plan) -> tuple[RiskView, ...]:
    """Each with its reason, a way to avoid it, and whether it was agreed to."""
    return tuple(
        RiskView(
            kind=risk.kind,
            detail=printable(risk.detail),
            address=printable(str(change.address)),
            app=printable(change.address.app),
            avoid=printable(_AVOID[risk.kind](change, risk)),
            confirmed=risk.kind is RiskKind.DATA_LOSS and change.address in plan.confirmed,
            position=change.position,
        )
        for risk in change.risks
    )


def _keep_data(change: Change, _risk: Risk) -> str:
    if change.retains:
        return f"leave {change.address.app} in {change.prior_region}, or save what was written there first"
    if change.action is Action.DELETE:
        return f"declare {change.address} again to keep it, or back its data up first"
    way = next(ways_out(change), "leave unchanged what forces the replacement")
    return way.removeprefix("to keep its data, ")


def _keep_place(change: Change, _risk: Risk) -> str:
    if change.address.type == COPY_TYPE or (change.address.type == FOLLOWER_TYPE and _moves(change)):
        return f"leave {change.address.app} where it is"
    if change.address.type in ("data_copy", FOLLOWER_TYPE):
        return f"say data: {{{change.address.name}: empty}} in {change.address.app}"
    return f"leave {change.address.app} in region {change.prior_region}" if change.prior_region else "leave the region"


def _moves(change: Change) -> bool:
    """Of a plan that somebody else made too: then nothing is sure to be in it."""
    return change.after is not None and "between" in change.after and is_move(change.after)


def _keep_serving(change: Change, risk: Risk) -> str:
    if FROZEN_UNTIL in risk.detail:
        return f"move {change.address.app} when nobody needs it: its data is copied while nobody writes"
    if "maintenance" in risk.detail:
        return "leave maintenance off"
    if change.action is Action.UPDATE:
        return "keep at least one web dyno"
    if change.action is Action.REPLACE:
        return "leave unchanged what forces the replacement"
    return f"declare {change.address.app} again"


def _keep_dynos(_change: Change, _risk: Risk) -> str:
    return "the router waits for the new dynos, so requests are served; a change of quantity alone restarts none"


def _keep_closed(change: Change, _risk: Risk) -> str:
    match change.address.type:
        case "app":
            return f"keep maintenance: true in {change.address.app}"
        case "formation":
            return f"keep web of {change.address.app} at quantity 0"
        case "addon":
            return f"leave {change.address} out, or take a service that runs in the app's own region"
        case _:
            return f"leave {change.address} out until it may be reached from outside"


def _keep_following(change: Change, _risk: Risk) -> str:
    return f"leave data: {{{change.address.name}: follow}} in {change.address.app}"


_AVOID: Final[Mapping[RiskKind, Callable[[Change, Risk], str]]] = {
    RiskKind.DATA_LOSS: _keep_data,
    RiskKind.REGION_MOVE: _keep_place,
    RiskKind.JURISDICTION_MOVE: _keep_place,
    RiskKind.DOWNTIME: _keep_serving,
    RiskKind.RESTART: _keep_dynos,
    RiskKind.EXPOSURE: _keep_closed,
    RiskKind.PROMOTION: _keep_following,
}
