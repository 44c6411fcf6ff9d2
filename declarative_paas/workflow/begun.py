"""The plan of an apply that has begun, kept until it has ended well: to tell what is the rest of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.state import StateStore
from declarative_paas.core.values import UNKNOWN, Attributes, Reference, Value, decode, encode, is_list, is_map
from declarative_paas.workflow.lock import RUNNING
from declarative_paas.workflow.stale import StalePlan

_FORMAT: Final = 1
_OPTIONS: Final = ("destroy", "refresh_only", "targets", "excludes", "back", "finish")
_ENDED_WELL: Final = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunChange:
    """One change of the interrupted plan, as far as it takes to recognise what is left of it."""

    action: Action
    region: str
    instance: str
    prior_instance: str | None
    after: Attributes | None
    retains: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunPlan:
    """The plan of an apply that has begun: kept with the state until it has ended well."""

    digest: str
    destroy: bool
    refresh_only: bool
    targets: tuple[str, ...]
    excludes: tuple[str, ...]
    back: tuple[str, ...]
    finish: tuple[str, ...]
    confirmed: tuple[ResourceAddress, ...]
    changes: Mapping[ResourceAddress, BegunChange]

    def still_to_replace(self, current: Iterable[str]) -> list[ResourceAddress]:
        """What it replaces whose old instance is still the current one; what moves is replaced by its region."""
        standing = set(current)
        return [
            address
            for address, change in self.changes.items()
            if change.action is Action.REPLACE and not change.retains and change.prior_instance in standing
        ]

    def targets_left(self, known: Iterable[ResourceAddress]) -> list[str] | None:
        """The targets of which something is still there or wanted; None when there were some and none is left."""
        names = {name for address in known for name in (str(address), address.app)}
        left = [text for text in self.targets if text in names]
        return None if self.targets and not left else left


def begun_text(plan: Plan) -> str:
    """What it takes to recognise the rest of the plan; no secret is in it."""
    content = {
        "format": _FORMAT,
        "digest": plan.digest(),
        **{name: getattr(plan, name) for name in _OPTIONS},
        "confirmed": [str(address) for address in plan.confirmed],
        "changes": [
            [
                str(change.address),
                change.action.value,
                change.region,
                change.instance,
                change.prior_instance,
                None if change.after is None else encode(change.after),
                change.retains,
            ]
            for change in _first_of_each(plan)
        ],
    }
    return json.dumps(content, separators=(",", ":"))


def interrupted(store: StateStore, scope: Scope) -> BegunPlan | Diagnostic:
    """The plan to go on with; or why there is none. Raises StateError."""
    last = next(iter(store.history(scope)), None)
    if last is None or last.outcome == _ENDED_WELL:
        return error(
            "nothing-to-resume",
            "nothing has been applied yet" if last is None else f"the last {last.command} ended well: nothing is left",
            expected="`dpaas apply`",
        )
    if last.outcome == RUNNING:
        return error("still-running", f"{last.command}, begun by {last.actor} at {last.started_at}, is still running")
    kept = store.begun(scope)
    if kept is None:
        return error(
            "nothing-to-resume",
            f"nothing is known to be left of the {last.outcome} {last.command} of {last.started_at}",
            expected="`dpaas apply`, which plans anew",
        )
    begun = None if kept.entry != last.id else begun_of(kept.text)
    if begun is None or begun.digest != last.plan_digest:
        return error(
            "plan-not-kept",
            f"the plan of the {last.outcome} {last.command} of {last.started_at} is not kept",
            expected="`dpaas apply`, which plans anew",
        )
    return begun


def check_rest(begun: BegunPlan, fresh: Plan) -> None:
    """Whether the fresh plan does nothing but the rest of the begun one. Raises StalePlan, told per resource."""
    moved = list(_departures(begun, fresh))
    if moved:
        raise StalePlan(moved)


def _departures(begun: BegunPlan, fresh: Plan) -> Iterator[str]:
    for change in fresh.changes:
        before = begun.changes.get(change.address)
        if before is None:
            because = f" ({'; '.join(change.causes)})" if change.causes else ""
            yield f"{change.address} was not part of it, and now has to be changed: {change.action.value}{because}"
        elif not _goes_on(before, change):
            yield (
                f"{change.address} was to be changed otherwise: {before.action.value} then, {change.action.value} now"
                if before.action is not change.action
                else f"{change.address} is to be something else now"
            )


def _goes_on(before: BegunChange, now: Change) -> bool:
    """What a step that was begun, or done, can have turned a change into."""
    match now.action:
        case Action.CREATE:
            fits = before.action in (Action.CREATE, Action.REPLACE)
        case Action.UPDATE:
            if now.instance == before.prior_instance != before.instance:
                return True  # the side that a move leaves is stopped
            # What was made and never recorded is taken over by an update.
            fits = before.action is Action.UPDATE or before.instance == now.instance
        case Action.REPLACE:
            fits = before.action is Action.REPLACE
        case Action.DELETE:
            leftovers = (before.prior_instance, before.instance)
            return before.action is Action.DELETE or (before.action is Action.REPLACE and now.instance in leftovers)
        case Action.FORGET:
            return before.action in (Action.DELETE, Action.FORGET, Action.REPLACE)
    return fits and before.region == now.region and _agree(before.after, now.after)


def _agree(then: Value, now: Value) -> bool:
    """Whether a value is still what it was to be; what was to be known later may be known by now."""
    if isinstance(then, Reference) or then is UNKNOWN:
        return True
    if is_map(then) and is_map(now):
        return then.keys() == now.keys() and all(_agree(then[key], now[key]) for key in then)
    if is_list(then) and is_list(now):
        return len(then) == len(now) and all(_agree(one, other) for one, other in zip(then, now, strict=True))
    return bool(then == now)


def _first_of_each(plan: Plan) -> Iterator[Change]:
    """One change an address: a leftover's deletion comes after the one that matters."""
    seen: set[ResourceAddress] = set()
    for change in plan.changes:
        if change.address not in seen:
            seen.add(change.address)
            yield change


def begun_of(text: str) -> BegunPlan | None:
    """None when it cannot be used: another version of dpaas wrote it."""
    try:
        data: Any = json.loads(text)
        if data["format"] != _FORMAT:
            return None
        return BegunPlan(
            digest=data["digest"],
            destroy=data["destroy"],
            refresh_only=data["refresh_only"],
            targets=tuple(data["targets"]),
            excludes=tuple(data["excludes"]),
            back=tuple(data["back"]),
            finish=tuple(data["finish"]),
            confirmed=tuple(ResourceAddress.parse(text) for text in data["confirmed"]),
            changes={
                ResourceAddress.parse(address): BegunChange(
                    action=Action(action),
                    region=region,
                    instance=instance,
                    prior_instance=prior_instance,
                    after=None if after is None else decode(after),
                    retains=retains,
                )
                for address, action, region, instance, prior_instance, after, retains in data["changes"]
            },
        )
    except (ValueError, KeyError, TypeError):
        return None
