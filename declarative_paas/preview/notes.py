"""What stands beside a change's address: what it is, what it costs, what is at stake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Action, Change, RiskKind
from declarative_paas.core.values import Attributes, Value, is_map
from declarative_paas.preview.ink import Style
from declarative_paas.preview.values import dollars, printable

_AT_STAKE = frozenset({RiskKind.DATA_LOSS, RiskKind.DOWNTIME, RiskKind.EXPOSURE})
"""A move is told once for the whole app, a restart by its dynos."""


def note_of(change: Change, addons: Mapping[ResourceAddress, str]) -> list[tuple[Style, str]]:
    """The pieces of the note, each in its style. `addons` names the plans of add-ons in this plan."""
    return list(_pieces(change, addons))


def _pieces(change: Change, addons: Mapping[ResourceAddress, str]) -> Iterator[tuple[Style, str]]:
    attributes = change.after if change.after is not None else change.before or {}
    for text in (*_what(change, attributes, addons), *_price(change)):
        yield "plain", text
    kinds = {risk.kind for risk in change.risks} & _AT_STAKE
    for kind in sorted(kinds, key=lambda kind: kind.value):
        yield "danger", kind.value.upper()


def addon_plans(changes: Iterable[Change]) -> dict[ResourceAddress, str]:
    """`postgres:standard-0` by add-on, as it will be; as it was, for one that goes."""
    found: dict[ResourceAddress, str] = {}
    for change in changes:
        if change.address.type == "addon":
            name = _plan_name(change.after if change.after is not None else change.before or {})
            if name is not None and (change.after is not None or change.address not in found):
                found[change.address] = name
    return found


def _what(change: Change, attributes: Attributes, addons: Mapping[ResourceAddress, str]) -> Iterator[str]:
    match change.address.type:
        case "addon":
            name = _plan_name(attributes)
            if name is not None:
                yield name
            if attributes.get("version") is not None:
                yield f"version {printable(str(attributes['version']))}"
        case "attachment":
            names = attributes.get("vars")
            source = next((address for address in change.dependencies if address.type == "addon"), None)
            if isinstance(names, Mapping) and names and source is not None:
                given = ", ".join(sorted(cast("Mapping[str, Value]", names)))
                origin = addons.get(source, str(source))
                # Another app's add-on is named: its plan alone would not tell whose data this is.
                origin = origin if source.app == change.address.app else str(source)
                yield f"{printable(given)} from {printable(origin)}"
        case "follower":
            yield from _followed(attributes, goes=change.after is None)
        case "link":
            yield "the way of what follows"
        case "move_check":
            yield "compares both sides once it serves"
        case "secret":
            if attributes.get("length") is not None:
                yield f"generated, length {printable(str(attributes['length']))}"
        case _:
            return


def _followed(attributes: Attributes, *, goes: bool) -> Iterator[str]:
    """Whom it follows, as far as the plan says; a move's follower is promoted by the plan that makes it."""
    between = attributes.get("between")
    source = _side(between, "from")
    app, region = printable(str(source.get("app"))), printable(str(source.get("region")))
    if source.get("app") == _side(between, "to").get("app"):
        yield f"followed {region}" if goes else f"follows {region}, promoted in the freeze"
    else:
        yield f"{'followed' if attributes.get('promoted') is True else 'follows'} {app} in {region}"


def _side(between: Value, name: str) -> Mapping[str, Value]:
    side: Value = between.get(name) if is_map(between) else None
    return side if is_map(side) else {}


def _plan_name(attributes: Attributes) -> str | None:
    service, plan = attributes.get("service"), attributes.get("plan")
    if not isinstance(service, str) or not isinstance(plan, str):
        return None
    return printable(f"{service}:{plan}")


def _price(change: Change) -> Iterator[str]:
    before, after = change.price_before_cents, change.price_after_cents
    if change.action in (Action.DELETE, Action.FORGET):
        if before:
            yield f"saves {dollars(before)}/mo"
    elif after is None:
        yield "without a price"
    elif change.action is Action.CREATE or before is None:
        if after:
            yield f"{dollars(after)}/mo"
    elif before != after:
        yield f"{dollars(before)} -> {dollars(after)}/mo"
