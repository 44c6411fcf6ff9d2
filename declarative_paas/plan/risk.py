"""What a change endangers, as a reviewer must see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.following import FOLLOWER_TYPE, follows, is_move
from declarative_paas.core.plan import Action, FieldChange, Risk, RiskKind
from declarative_paas.core.region_move import COPY_TYPE
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import Attributes, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskInputs:
    """One change as the rules look at it. `uses` is the region of the add-on that an attachment is of; `publishes`
    tells of a domain whose app has been there without any."""

    address: ResourceAddress
    kind: ResourceType
    action: Action
    fields: Sequence[FieldChange]
    before: Attributes
    after: Attributes
    region: str
    prior_region: str | None
    jurisdictions: Mapping[str, str]
    uses: str | None = None
    publishes: bool = False


def risks_of(inputs: RiskInputs) -> tuple[Risk, ...]:
    return tuple(risk for rule in _RULES for risk in rule(inputs))


def _data_loss(change: RiskInputs) -> Iterator[Risk]:
    if change.action in (Action.DELETE, Action.REPLACE) and change.kind.holds_data(change.before):
        yield Risk(RiskKind.DATA_LOSS, f"the data of {change.address} is destroyed")


def _moves(change: RiskInputs) -> Iterator[Risk]:
    before, after = change.prior_region, change.region
    if before is None or before == after or change.action is Action.DELETE:
        return
    yield Risk(RiskKind.REGION_MOVE, f"region {before} -> {after}")
    old, new = change.jurisdictions.get(before), change.jurisdictions.get(after)
    if old and new and old != new:
        yield Risk(RiskKind.JURISDICTION_MOVE, f"jurisdiction {old} -> {new}")


def _copied_abroad(change: RiskInputs) -> Iterator[Risk]:
    """A copy brings data under another law, though nothing of the source moves."""
    if change.kind.name not in _BRINGING or change.action not in (Action.CREATE, Action.REPLACE):
        return
    between = cast("Mapping[str, Mapping[str, str]]", change.after["between"])
    source, target = between["from"], between["to"]
    old, new = (change.jurisdictions.get(side["region"]) for side in (source, target))
    if old != new:
        how = "is copied, and kept up to date," if _keeps_following(change) else "is copied"
        data = f"the data of {source['app']}'s {change.address.name} {how}"
        yield Risk(
            RiskKind.JURISDICTION_MOVE, f"{data} {old or 'from nowhere declared'} -> {new or 'to nowhere declared'}"
        )


def _keeps_following(change: RiskInputs) -> bool:
    return change.kind.name == FOLLOWER_TYPE and follows(change.after)


def _promoted(change: RiskInputs) -> Iterator[Risk]:
    """Nobody can make a database follow again that has taken writes of its own. A move is told as one."""
    is_one = change.kind.name == FOLLOWER_TYPE and change.action is Action.UPDATE
    if not is_one or follows(change.after) or not follows(change.before) or is_move(change.after):
        return
    between = cast("Mapping[str, Mapping[str, str]]", change.after["between"])
    fork, source = between["to"]["app"], between["from"]["app"]
    yield Risk(
        RiskKind.PROMOTION,
        f"{change.address.name} becomes {fork}'s own: what {source} writes later does not reach it",
    )


def _used_abroad(change: RiskInputs) -> Iterator[Risk]:
    """Whoever is attached to an add-on of another jurisdiction reads and writes its data from there, from now on."""
    if change.uses is None or change.action not in (Action.CREATE, Action.REPLACE):
        return
    old, new = change.jurisdictions.get(change.uses), change.jurisdictions.get(change.region)
    if old != new:
        data = f"the data of {change.address.name} is used from {change.region}, lives in {change.uses}"
        yield Risk(
            RiskKind.JURISDICTION_MOVE, f"{data}: {old or 'from nowhere declared'} -> {new or 'to nowhere declared'}"
        )


def _maintenance(change: RiskInputs) -> Iterator[Risk]:
    turned_on = any(item.path == "maintenance" and item.after is True for item in change.fields)
    if change.kind.name == "app" and change.action is Action.UPDATE and turned_on:
        yield Risk(RiskKind.DOWNTIME, "maintenance mode answers every request with 503")


def _formation(change: RiskInputs) -> Iterator[Risk]:
    if change.kind.name != "formation":
        return
    before = _processes(change.before)
    if change.action in (Action.DELETE, Action.REPLACE):
        if dyno_names(before, ["web"]):
            yield Risk(RiskKind.DOWNTIME, "web dynos are stopped")
        return
    if change.action is not Action.UPDATE:
        return
    after = _processes(change.after)
    stopped = dyno_names(before, ["web"]) and not dyno_names(after, ["web"])
    if stopped:
        yield Risk(RiskKind.DOWNTIME, "no web dyno remains: requests get H14")
    yield from _silenced(before, after)
    restarted = dyno_names(before, restarted_types(change.fields, sorted(before.keys() & after.keys())))
    if restarted:
        verb = "restarts" if len(restarted) == 1 else "restart"
        yield Risk(RiskKind.RESTART, f"{', '.join(restarted)} {verb}, one release beside the other until healthy")


def _silenced(before: Mapping[str, Mapping[str, Value]], after: Mapping[str, Mapping[str, Value]]) -> Iterator[Risk]:
    """Process types other than web that ran and will not: what they did is done by nobody."""
    for name in sorted(before.keys() - {"web"}):
        dynos = dyno_names(before, [name])
        if not dynos or dyno_names(after, [name]):
            continue
        verb = "is" if len(dynos) == 1 else "are"
        why = "its quantity is 0" if name in after else f"process type {name} is removed"
        yield Risk(RiskKind.DOWNTIME, f"{', '.join(dynos)} {verb} stopped: {why}")


def restarted_types(fields: Sequence[FieldChange], types: Sequence[str]) -> list[str]:
    """Process types whose dynos a formation update restarts: a new release all, a new size its own."""
    if any(item.path == "release" for item in fields):
        return list(types)
    touched = {
        item.path.split(".")[1] for item in fields if item.path.count(".") >= 2 and not item.path.endswith(".quantity")
    }
    return [name for name in types if name in touched]


def dyno_names(processes: Mapping[str, Mapping[str, Value]], types: Sequence[str]) -> list[str]:
    """`web.1, web.2` of the given types."""
    return [
        f"{name}.{index}" for name in types for index in range(1, int(processes.get(name, {}).get("quantity") or 0) + 1)
    ]


def _opened(change: RiskInputs) -> Iterator[Risk]:
    """What was there and could not be reached can be. A new app is new as a whole: its domains say who reaches it."""
    app = change.address.app
    if change.publishes:
        yield Risk(RiskKind.EXPOSURE, f"{app} has had no domain, and is public under one from now on")
    if change.action is not Action.UPDATE:
        return
    if change.kind.name == "app" and any(item.path == "maintenance" and item.before is True for item in change.fields):
        yield Risk(RiskKind.EXPOSURE, f"maintenance mode ends: requests reach {app} again")
    if change.kind.name == "formation":
        before, after = (dyno_names(_processes(side), ["web"]) for side in (change.before, change.after))
        if after and not before:
            yield Risk(RiskKind.EXPOSURE, f"web dynos start: requests reach {app}")


def _sent_out(change: RiskInputs) -> Iterator[Risk]:
    """A service that others run gets what the app sends it, wherever that service is."""
    if change.kind.name != "addon" or change.after.get("credentials") is None:
        return
    same = change.before.get("service") == change.after.get("service")
    if change.action is Action.CREATE or (change.action is Action.REPLACE and not same):
        service = change.after.get("service")
        yield Risk(RiskKind.EXPOSURE, f"what {change.address.app} sends to {service} leaves the platform")


def _processes(attributes: Attributes) -> Mapping[str, Mapping[str, Value]]:
    found = attributes.get("processes")
    return cast("Mapping[str, Mapping[str, Value]]", found) if isinstance(found, Mapping) else {}


_BRINGING: Final = frozenset({"data_copy", COPY_TYPE, FOLLOWER_TYPE})

_RULES: tuple[Callable[[RiskInputs], Iterator[Risk]], ...] = (
    _data_loss,
    _moves,
    _copied_abroad,
    _promoted,
    _used_abroad,
    _opened,
    _sent_out,
    _maintenance,
    _formation,
)
