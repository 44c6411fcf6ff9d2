"""Changes to steps: the dependency graph an apply walks, creation forwards and destruction backwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.graph import CycleError, find_cycle
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
    return renaming if change.renames_only else (*renaming, *_OPERATIONS[change.action])


_REMOVALS = (Operation.DELETE, Operation.FORGET)


def step_id(operation: Operation, address: ResourceAddress, instance: str) -> str:
    return f"{operation.value}:{address}#{instance}"


def steps_of(
    changes: Sequence[Change],
    wanted_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    recorded_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    order: Sequence[ResourceAddress],
) -> tuple[Step, ...]:
    """Steps in an order in which every step comes after those it waits for.

    - Making waits for the making of its dependencies, through unchanged ones too.
    - Removing waits until everything that was built on it is removed or has let go of it.
    - A renaming that is all that changes counts as making; any other waits for nothing.
    - A replacement makes the new one after the old one is gone. What was built on the old one then
      cannot let go first: it is made to hold the new one afterwards.
    """
    making, letting_go, removing = _by_effect(changes)
    waits = _making_waits(order, wanted_dependencies, making)
    dependents = _inverse(recorded_dependencies)
    edges: dict[str, set[str]] = {}
    steps: list[Step] = []
    for change in changes:
        for operation in _operations(change):
            if operation is Operation.RENAME:
                after = set(waits[change.address]) if change.renames_only else set[str]()
                instance, region = _removed_instance(change), change.prior_region or change.region
            elif operation in _REMOVALS:
                let_go = letting_go if change.action is not Action.REPLACE else {}
                after = _removal_waits(change.address, dependents, let_go, removing)
                instance, region = _removed_instance(change), change.prior_region or change.region
            else:
                after = set(waits[change.address])
                if change.action is Action.REPLACE:
                    after.add(removing[change.address])
                instance, region = change.instance, change.region
            if change.moved_from is not None and operation is not Operation.RENAME:
                after.add(step_id(Operation.RENAME, change.address, _removed_instance(change)))
            identifier = step_id(operation, change.address, instance)
            edges[identifier] = after - {identifier}
            steps.append(
                Step(id=identifier, operation=operation, address=change.address, instance=instance, region=region)
            )
    _break_cycles(edges, set(letting_go.values()))
    return tuple(replace(step, after=tuple(sorted(edges[step.id]))) for step in steps)


def _by_effect(
    changes: Sequence[Change],
) -> tuple[dict[ResourceAddress, str], dict[ResourceAddress, str], dict[ResourceAddress, str]]:
    """The step that makes each address what it is to be, the one that lets go of others, the one that removes."""
    making: dict[ResourceAddress, str] = {}
    letting_go: dict[ResourceAddress, str] = {}
    removing: dict[ResourceAddress, str] = {}
    for change in changes:
        for operation in _operations(change):
            if operation in _REMOVALS:
                # A leftover shares its address with the current instance, which is listed first.
                removing.setdefault(change.address, step_id(operation, change.address, _removed_instance(change)))
            elif operation is not Operation.RENAME:
                making[change.address] = step_id(operation, change.address, change.instance)
                if operation is Operation.UPDATE:
                    letting_go[change.address] = making[change.address]
            elif change.renames_only:
                making[change.address] = step_id(operation, change.address, _removed_instance(change))
    return making, letting_go, removing


def _removed_instance(change: Change) -> str:
    return change.prior_instance or change.instance


def _break_cycles(edges: dict[str, set[str]], letting_go: Collection[str]) -> None:
    """Waiting for somebody to let go is a courtesy: where it would wait in a circle, it is dropped.

    A circle comes about when one thing is replaced while another, built on it, is removed and a third,
    built on both, is updated. Waits for making and removing alone never make one.
    """
    while (cycle := find_cycle(edges)) is not None:
        soft = [(step, needed) for step, needed in pairwise(cycle) if needed in letting_go and step not in letting_go]
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
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
) -> dict[ResourceAddress, list[ResourceAddress]]:
    dependents: dict[ResourceAddress, list[ResourceAddress]] = {}
    for address, needed in dependencies.items():
        for item in needed:
            dependents.setdefault(item, []).append(address)
    return dependents


def _removal_waits(
    address: ResourceAddress,
    dependents: Mapping[ResourceAddress, Sequence[ResourceAddress]],
    letting_go: Mapping[ResourceAddress, str],
    removing: Mapping[ResourceAddress, str],
) -> set[str]:
    """Everything that stood on it, however indirectly: a formation must have switched to a release
    without the add-on before the add-on goes. A removal on the way waits for the rest itself."""
    found: set[str] = set()
    seen = {address}
    open_ends = list(dependents.get(address, ()))
    while open_ends:
        dependent = open_ends.pop()
        if dependent in seen:
            continue
        seen.add(dependent)
        if dependent in removing:
            found.add(removing[dependent])
            continue
        if dependent in letting_go:
            found.add(letting_go[dependent])
        open_ends.extend(dependents.get(dependent, ()))
    return found
