"""Repairs of the record that touch nothing real. Pure: (snapshot, wish) -> results to commit."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn, cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import nearest
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot, StateError, StepResult
from declarative_paas.core.values import Attributes, Reference, Value, is_list, is_map


def removal(snapshot: Snapshot, address: ResourceAddress) -> list[StepResult]:
    """Forgets every instance at the address, and the unfinished steps there. Raises StateError when there is none.

    Records that depend on it keep saying so: their manifests do too.
    """
    results = [
        StepResult(step_id=f"state rm {address}#{record.instance}", remove=record.key)
        for record in _at(snapshot, address)
    ]
    results += [
        StepResult(step_id=intent.step_id, error="forgotten by `state rm`")
        for intent in snapshot.intents
        if intent.address == address
    ]
    if not results:
        _refuse_unknown(snapshot, address)
    return results


def move(snapshot: Snapshot, from_: ResourceAddress, to: ResourceAddress) -> list[StepResult]:
    """Renames a record, all its instances, and what other records say of it.

    Raises StateError when the types differ, nothing is recorded at `from_`, `to` is taken, or a step at
    `from_` is unfinished: the journal names it by its old address.
    """
    moving = _at(snapshot, from_)
    unfinished = [intent for intent in snapshot.intents if intent.address == from_]
    if not moving and not unfinished:
        _refuse_unknown(snapshot, from_)
    if from_.type != to.type:
        raise StateError(
            f"{from_} cannot become {to}: a record keeps its type; did you mean {to._replace(type=from_.type)}?"
        )
    if _at(snapshot, to) or any(intent.address == to for intent in snapshot.intents):
        raise StateError(f"{to} is taken: something is recorded there; `state rm {to}` forgets it")
    if unfinished:
        raise StateError(
            f"{from_} has an unfinished step ({unfinished[0].step_id}): finish it by `apply`, then move the record"
        )
    results: list[StepResult] = []
    for key in sorted(snapshot.resources):
        before = snapshot.resources[key]
        after = _renamed(before, from_, to)
        if after != before:
            gone = before.key if before.key != after.key else None
            results.append(StepResult(step_id=f"state mv {before.address}#{before.instance}", put=after, remove=gone))
    return results


def _at(snapshot: Snapshot, address: ResourceAddress) -> list[ResourceState]:
    return [snapshot.resources[key] for key in sorted(snapshot.resources) if key[0] == address]


def _refuse_unknown(snapshot: Snapshot, address: ResourceAddress) -> NoReturn:
    known = {str(key[0]) for key in snapshot.resources} | {str(intent.address) for intent in snapshot.intents}
    near = nearest(str(address), known)
    raise StateError(f"nothing is recorded at {address}{f': did you mean {near}?' if near else ''}")


def _renamed(record: ResourceState, from_: ResourceAddress, to: ResourceAddress) -> ResourceState:
    return replace(
        record,
        address=to if record.address == from_ else record.address,
        attributes=cast("Attributes", _redirected(record.attributes, from_, to)),
        outputs=cast("Attributes", _redirected(record.outputs, from_, to)),
        dependencies=_renamed_in(record.dependencies, from_, to),
    )


def _renamed_in(
    addresses: tuple[ResourceAddress, ...], from_: ResourceAddress, to: ResourceAddress
) -> tuple[ResourceAddress, ...]:
    if from_ not in addresses:
        return addresses
    return tuple(sorted({to if item == from_ else item for item in addresses}))


def _redirected(value: Value, from_: ResourceAddress, to: ResourceAddress) -> Value:
    """The value with every reference to `from_` leading to `to`."""
    if isinstance(value, Reference):
        return replace(value, address=to) if value.address == from_ else value
    if is_map(value):
        return {key: _redirected(item, from_, to) for key, item in value.items()}
    if is_list(value):
        return [_redirected(item, from_, to) for item in value]
    return value
