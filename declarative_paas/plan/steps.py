"""Changes to steps: the dependency graph an apply walks, creation forwards and destruction backwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.following import is_move, promotes
from declarative_paas.core.graph import CycleError, find_cycle, topological_order
from declarative_paas.core.plan import Action, Change, Operation, Step

_OPERATIONS: Mapping[Action, tuple[Operation, ...]] = {
    Action.CREATE: (Operation.CREATE,),
    Action.UPDATE: (Operation.UPDATE,),
    Action.REPLACE: (Operation.DELETE, Operation.CREATE),
    Action.DELETE: (Operation.DELETE,),
    Action.FORGET: (Operation.FORGET,),
}


def _operations(change: Change) -> tuple[Operation, ...]:
    """What is to be done, in this order. A moved thing first gets its new address: all else is done to that."""
    renaming = () if change.moved_from is None else (Operation.RENAME,)
    if change.renames_only:
        return renaming
    if change.retains and change.action is Action.REPLACE:
        return (*renaming, Operation.CREATE)
    if change.create_before_destroy:
        return (*renaming, Operation.CREATE, Operation.DELETE)
    if promotes(change):
        return (*renaming, *_before_promotion(change), Operation.PROMOTE)
    return (*renaming, *_OPERATIONS[change.action])


def _before_promotion(change: Change) -> tuple[Operation, ...]:
    """A move is not frozen for a follower that does not follow. A fork's may have lost its source for good: what it
    has is all there is."""
    if change.action is Action.UPDATE and change.after is not None and not is_move(change.after):
        return ()
    return _OPERATIONS[change.action]


_REMOVALS = (Operation.DELETE, Operation.FORGET)


def step_id(operation: Operation, address: ResourceAddress, instance: str) -> str:
    return f"{operation.value}:{address}#{instance}"


@dataclass(slots=True)
class _Effects:
    """Step ids by what they do to an address.

    `making` makes it what it is to be, `letting_go` is an update that may let go of what others remove,
    `removing` removes the current instance, `clearing` the ones that are left over.
    """

    making: dict[ResourceAddress, str] = field(default_factory=dict[ResourceAddress, str])
    letting_go: dict[ResourceAddress, str] = field(default_factory=dict[ResourceAddress, str])
    removing: dict[ResourceAddress, str] = field(default_factory=dict[ResourceAddress, str])
    clearing: dict[ResourceAddress, list[str]] = field(default_factory=dict[ResourceAddress, list[str]])


_NO_TRIGGERS: Mapping[ResourceAddress, Iterable[ResourceAddress]] = {}


def steps_of(
    changes: Sequence[Change],
    wanted_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    recorded_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    order: Sequence[ResourceAddress],
    leftovers: Sequence[Change] = (),
    triggers: Mapping[ResourceAddress, Iterable[ResourceAddress]] = _NO_TRIGGERS,
) -> tuple[Step, ...]:
    """Steps in an order in which every step comes after those it waits for.

    - Making waits for the making of its dependencies, through unchanged ones too.
    - Removing waits until everything that was built on it is removed or has let go of it.
    - A promotion comes after whatever makes its follower follow, and counts as its making.
    - A renaming that is all that changes counts as making; any other waits for nothing.
    - A replacement makes the new one after the old one is gone. What was built on the old one then
      cannot let go first: it is made to hold the new one afterwards.
    - With `create_before_destroy` it is the other way round: the old one goes last, after what was built
      on it holds the new one.
    - What is replaced because something else changes is deleted after that change: it may fail.
    - A leftover (of `leftovers`, deposed instances) is removed like anything else, beside the current one.
    """
    effects = _by_effect(changes, leftovers)
    waits = _making_waits(order, wanted_dependencies, effects.making)
    dependents = _inverse(recorded_dependencies, leftovers)
    edges: dict[str, set[str]] = {}
    courtesies: set[tuple[str, str]] = set()
    steps: list[Step] = []
    for change in (*changes, *leftovers):
        for operation in _operations(change):
            if operation is Operation.RENAME:
                after = set(waits[change.address]) if change.renames_only else set[str]()
            elif operation in _REMOVALS:
                after = _removal_waits(change, dependents, effects)
            else:
                after = set(waits[change.address])
                if change.address in effects.removing and not change.create_before_destroy:
                    after.add(effects.removing[change.address])
                if operation is Operation.PROMOTE:
                    after |= {_step(first, change).id for first in _before_promotion(change)}
            if change.moved_from is not None and operation is not Operation.RENAME:
                after.add(step_id(Operation.RENAME, change.address, _removed_instance(change)))
            step = _step(operation, change)
            if operation is Operation.DELETE and change.action is Action.REPLACE:
                changed = {effects.making[item] for item in triggers.get(change.address, ()) if item in effects.making}
                courtesies.update((step.id, needed) for needed in changed)
                after |= changed
            edges[step.id] = after - {step.id}
            steps.append(step)
    _break_cycles(edges, effects, courtesies)
    return _sorted([replace(step, after=tuple(sorted(edges[step.id]))) for step in steps])


def _step(operation: Operation, change: Change) -> Step:
    if operation is Operation.RENAME or operation in _REMOVALS:
        instance, region = _removed_instance(change), change.prior_region or change.region
    else:
        instance, region = change.instance, change.region
    identifier = step_id(operation, change.address, instance)
    return Step(id=identifier, operation=operation, address=change.address, instance=instance, region=region)


def _sorted(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same order, but for a step that stands before one it waits for."""
    position = {step.id: index for index, step in enumerate(steps)}
    if all(position[needed] < index for index, step in enumerate(steps) for needed in step.after):
        return tuple(steps)
    waits = {index: [position[needed] for needed in step.after] for index, step in enumerate(steps)}
    return tuple(steps[index] for index in topological_order(waits))


def _by_effect(changes: Sequence[Change], leftovers: Sequence[Change]) -> _Effects:
    effects = _Effects()
    for change in changes:
        for operation in _operations(change):
            step = _step(operation, change).id
            if operation in _REMOVALS:
                effects.removing[change.address] = step
            elif operation is not Operation.RENAME:
                effects.making[change.address] = step
                if change.action is Action.UPDATE:
                    effects.letting_go[change.address] = step
            elif change.renames_only:
                effects.making[change.address] = step
    for change in leftovers:
        for operation in _operations(change):
            effects.clearing.setdefault(change.address, []).append(_step(operation, change).id)
    return effects


def _removed_instance(change: Change) -> str:
    return change.prior_instance or change.instance


def _break_cycles(edges: dict[str, set[str]], effects: _Effects, courtesies: Collection[tuple[str, str]]) -> None:
    """Waiting for somebody to let go is a courtesy: where it would wait in a circle, it is dropped.

    A circle comes about when one thing is replaced while another, built on it, is removed and a third,
    built on both, is updated; of leftovers of different times; or of a trigger that waits for what it
    replaces. Waits for making and removing alone never make one: whatever a replacement that makes the
    new one first stands on does so too.
    """
    letting_go = set(effects.letting_go.values())
    kind = {*letting_go, *(step for found in effects.clearing.values() for step in found)}
    while (cycle := find_cycle(edges)) is not None:
        soft = [
            (step, needed)
            for step, needed in pairwise(cycle)
            if (step, needed) in courtesies or (needed in kind and step not in letting_go)
        ]
        if not soft:
            raise CycleError(cycle)
        for step, needed in soft:
            edges[step].discard(needed)


def _making_waits(
    order: Sequence[ResourceAddress],
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    making: Mapping[ResourceAddress, str],
) -> dict[ResourceAddress, set[str]]:
    """For each address the making steps it must wait for; an unchanged one passes on what it waits for."""
    waits: dict[ResourceAddress, set[str]] = {}
    for address in order:
        found: set[str] = set()
        for needed in dependencies.get(address, ()):
            step = making.get(needed)
            if step is not None:
                found.add(step)
            else:
                found |= waits.get(needed, set())
        waits[address] = found
    return waits


def _inverse(
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]], leftovers: Sequence[Change]
) -> dict[ResourceAddress, list[ResourceAddress]]:
    """Who stands on each address; a leftover stands on what it was made on, as long as it is there."""
    dependents: dict[ResourceAddress, list[ResourceAddress]] = {}
    for address, needed in dependencies.items():
        for item in needed:
            dependents.setdefault(item, []).append(address)
    for change in leftovers:
        for item in change.dependencies:
            dependents.setdefault(item, []).append(change.address)
    return dependents


def _removal_waits(
    change: Change, dependents: Mapping[ResourceAddress, Sequence[ResourceAddress]], effects: _Effects
) -> set[str]:
    """Everything that stood on it, however indirectly: a formation must have switched to a release
    without the add-on before the add-on goes. A removal on the way waits for the rest itself."""
    # Where the old one goes first nobody can let go of it before: there is nothing yet to hold instead.
    lets_go = change.action is not Action.REPLACE or change.create_before_destroy
    found: set[str] = {effects.making[change.address]} if change.create_before_destroy else set()
    seen = {change.address}
    open_ends = list(dependents.get(change.address, ()))
    while open_ends:
        dependent = open_ends.pop()
        if dependent in seen:
            continue
        seen.add(dependent)
        found.update(effects.clearing.get(dependent, ()))
        if dependent in effects.removing:
            found.add(effects.removing[dependent])
            continue
        if lets_go and dependent in effects.letting_go:
            found.add(effects.letting_go[dependent])
        open_ends.extend(dependents.get(dependent, ()))
    return found
