"""The order of a move's steps: the freeze between what needs no data and the copies, the switch last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.following import CHECK_TYPE, FOLLOWER_TYPE, follows, is_move
from declarative_paas.core.graph import topological_order
from declarative_paas.core.plan import Change, Operation, Step
from declarative_paas.core.region_move import COPY_TYPE, MOVE_TYPE, RegionMove

_MAKING = (Operation.CREATE, Operation.UPDATE, Operation.RENAME, Operation.PROMOTE)
_MADE_OF = {COPY_TYPE: "addon", FOLLOWER_TYPE: "addon", "slug_copy": "slug", CHECK_TYPE: FOLLOWER_TYPE}
"""What a move brings along, or finds of that, by type, and the type of what it was made of."""

_ENDING = (Operation.DELETE, Operation.FORGET)


def order_moves(
    steps: Sequence[Step],
    changes: Sequence[Change],
    freezes: Sequence[Change],
    moves: Mapping[str, RegionMove],
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
) -> tuple[Step, ...]:
    """The steps with those of the freezes (`freezes`: an app's in their order), in an order that waits permit.

    - A freeze comes after all of its app that does not wait for its data, and before the copies and promotions that
      bring it. What fails before it costs no downtime; what follows its source catches up meanwhile.
    - On the way back it comes first, before anything serves again.
    - Configs of other apps that tell where the app is change once it serves there.
    - What says that a move is open goes after everything that was kept.
    """
    if not moves and not any(step.address.type in (MOVE_TYPE, COPY_TYPE) for step in steps):
        return tuple(steps)
    waits = {step.id: set(step.after) for step in steps}
    by_id = {step.id: step for step in steps}
    frozen = [_freeze_step(change) for change in freezes]
    bringing = {step.id for step in steps if _brings(step)}
    after_them = _standing_on(bringing, _dependents(waits))
    by_app: dict[str, list[Step]] = {}
    chains: dict[str, list[str]] = {}
    for step in steps:
        by_app.setdefault(step.address.app, []).append(step)
    for step in frozen:
        chains.setdefault(step.address.app, []).append(step.id)
    for app, move in moves.items():
        mine, chain = by_app.get(app, []), chains.get(app, [])
        if move.back:
            _freeze_first(mine, chain, waits)
        else:
            _freeze_before_data(mine, chain, after_them, waits)
    _tell_others_last(steps, moves, dependencies, waits)
    _close_last(steps, _settled_transfers(changes), waits)
    everything = {**by_id, **{step.id: step for step in frozen}}
    return tuple(replace(everything[name], after=tuple(sorted(waits[name]))) for name in topological_order(waits))


def _brings(step: Step) -> bool:
    """Whether it brings data that nobody may write to meanwhile."""
    return step.operation is Operation.PROMOTE or (step.address.type == COPY_TYPE and step.operation in _MAKING)


def _settled_transfers(changes: Sequence[Change]) -> set[ResourceAddress]:
    """What was done in a move once, and would be again if it were forgotten."""
    return {change.address for change in changes if change.address.type in _MADE_OF and _has_moved(change)}


def _has_moved(change: Change) -> bool:
    if change.address.type == CHECK_TYPE:
        return True
    if change.before is None or not is_move(change.before):
        return False
    return change.address.type != FOLLOWER_TYPE or not follows(change.before)


def _freeze_first(mine: Sequence[Step], chain: Sequence[str], waits: dict[str, set[str]]) -> None:
    opening = {step.id for step in mine if step.address.type == MOVE_TYPE and step.operation in _MAKING}
    _link(chain, opening, waits)
    for step in mine:
        if step.operation in _MAKING and step.id not in opening:
            waits[step.id] |= set(chain)
        # What was copied is forgotten once it is recorded that no copy is wanted any more.
        if step.operation in _ENDING and step.address.type in _MADE_OF:
            waits[step.id] |= opening


def _freeze_before_data(
    mine: Sequence[Step], chain: Sequence[str], after_data: set[str], waits: dict[str, set[str]]
) -> None:
    _link(chain, {step.id for step in mine if step.operation in _MAKING} - after_data, waits)
    # Where the app has no formation any more, its old one goes before the data is brought.
    stopping = {step.id for step in mine if step.address.type == "formation" and step.operation in _ENDING}
    for step in mine:
        if _brings(step):
            waits[step.id] |= set(chain) | (stopping - after_data)


def _link(chain: Sequence[str], before: set[str], waits: dict[str, set[str]]) -> None:
    """Each step of a freeze after the one before it."""
    for step in chain:
        waits[step] = set(before)
        before = {step}


def _freeze_step(change: Change) -> Step:
    return Step(
        id=f"freeze:{change.address}#{change.instance}",
        operation=Operation.UPDATE,
        address=change.address,
        instance=change.instance,
        region=change.region,
    )


def _dependents(waits: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step, needed in waits.items():
        for item in needed:
            found.setdefault(item, []).append(step)
    return found


def _standing_on(found: Iterable[str], dependents: Mapping[str, Iterable[str]]) -> set[str]:
    """These steps and all that wait for one of them, however indirectly."""
    seen: set[str] = set()
    open_ends = list(found)
    while open_ends:
        step = open_ends.pop()
        if step not in seen:
            seen.add(step)
            open_ends.extend(dependents.get(step, ()))
    return seen


def _tell_others_last(
    steps: Sequence[Step],
    moves: Mapping[str, RegionMove],
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    waits: dict[str, set[str]],
) -> None:
    """Another app must not be sent to where nothing serves yet. Where two apps wait for each other so, neither does."""
    serving = {
        step.address.app: step.id
        for step in steps
        if step.address.type == "formation" and step.operation in _MAKING and step.address.app in moves
    }
    dependents = _dependents(waits)
    for step in steps:
        if step.address.type != "config" or step.operation not in _MAKING:
            continue
        for needed in dependencies.get(step.address, ()):
            served = serving.get(needed.app) if needed.type == "app" and needed.app != step.address.app else None
            if served is not None and served not in _standing_on([step.id], dependents):
                waits[step.id].add(served)
                dependents.setdefault(served, []).append(step.id)


def _close_last(steps: Sequence[Step], settled: Collection[ResourceAddress], waits: dict[str, set[str]]) -> None:
    """A copy is forgotten after the source that it was made of: else, killed between, it would be made again."""
    removals: dict[str, list[Step]] = {}
    for step in steps:
        if step.operation in _ENDING:
            removals.setdefault(step.address.app, []).append(step)
    for step in [step for found in removals.values() for step in found]:
        beside = removals[step.address.app]
        if step.address.type == MOVE_TYPE:
            waits[step.id] |= {other.id for other in beside} - {step.id}
        elif step.address in settled:
            for other in beside:
                came_from = other.address.type == _MADE_OF[step.address.type]
                if came_from:
                    waits[step.id].add(other.id)
                # Nor does anything wait for what a comparison found.
                if came_from or (step.address.type == CHECK_TYPE and other.address.type != MOVE_TYPE):
                    waits[other.id].discard(step.id)
