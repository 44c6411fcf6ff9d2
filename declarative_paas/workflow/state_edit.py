"""`dpaas state rm` and `mv`: repairs of the record under the lock, after a backup. They touch nothing real."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from declarative_paas.apply.executor import LEASE_TTL_S
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.provider import Present, ReadQuery
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot, StateError, StepResult
from declarative_paas.workflow.deploy import lock_holder
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """How many records changed, and the copy of the state as it was before."""

    records: int
    backup: Path


def remove_records(world: World, address: ResourceAddress) -> Edited | Diagnostic:
    """Forgets every instance at the address; what it stands for stays. Raises LockHeld, StateError."""

    def edit(snapshot: Snapshot) -> Sequence[StepResult] | Diagnostic:
        found = _at(snapshot, address)
        if not found:
            return _unknown(snapshot, address)
        return [StepResult(step_id=f"rm:{record.address}#{record.instance}", remove=record.key) for record in found]

    return _under_lock(world, edit)


def move_records(world: World, origin: ResourceAddress, target: ResourceAddress) -> Edited | Diagnostic:
    """Records what is at `origin` under the name `target`. Raises LockHeld, StateError.

    Refused where the region would not find it under the new name: the next plan would make a second one,
    and nobody would ever delete the first.
    """

    def edit(snapshot: Snapshot) -> Sequence[StepResult] | Diagnostic:
        found = _at(snapshot, origin)
        if not found:
            return _unknown(snapshot, origin)
        moved = [replace(record, address=target) for record in found]
        refusal = _unfit(snapshot, origin, target) or _lost(world, found, moved)
        if refusal is not None:
            return refusal
        dependents = [
            StepResult(step_id=f"mv:{record.address}#{record.instance}", put=_renamed(record, origin, target))
            for record in snapshot.resources.values()
            if origin in record.dependencies and record.address != origin
        ]
        return [
            StepResult(step_id=f"mv:{target}#{record.instance}", put=record, remove=(origin, record.instance))
            for record in moved
        ] + dependents

    return _under_lock(world, edit)


def _under_lock(world: World, edit: Callable[[Snapshot], Sequence[StepResult] | Diagnostic]) -> Edited | Diagnostic:
    scope = world.project.scope
    lease = world.store.acquire(scope, lock_holder(), LEASE_TTL_S)
    try:
        results = edit(world.store.snapshot(scope))
        if isinstance(results, Diagnostic):
            return results
        backup = _back_up(world)
        world.store.commit(lease, results=results)
        return Edited(records=len(results), backup=backup)
    finally:
        world.store.release(lease)


def _back_up(world: World) -> Path:
    """A copy of the whole state file, readable by its owner only. To restore it, put it in the file's place."""
    state = world.project.directory / world.project.manifests.platform.spec.state.removeprefix("sqlite:")
    copy = state.with_name(f"{state.name}.{world.clock.now():%Y%m%dT%H%M%S%f}.backup")
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(state)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error) as problem:
        raise StateError(f"the state cannot be backed up to {copy}, so nothing was changed: {problem}") from None
    return copy


def _at(snapshot: Snapshot, address: ResourceAddress) -> list[ResourceState]:
    return [record for record in snapshot.resources.values() if record.address == address]


def _unknown(snapshot: Snapshot, address: ResourceAddress) -> Diagnostic:
    known = {str(record.address) for record in snapshot.resources.values()}
    return error(
        "unknown-address",
        f"nothing is recorded at {address}",
        expected="an address that `dpaas state list` prints",
        suggestion=nearest(str(address), known),
    )


def _unfit(snapshot: Snapshot, origin: ResourceAddress, target: ResourceAddress) -> Diagnostic | None:
    if target.type != origin.type:
        return error(
            "type-differs",
            f"{origin} cannot become a {target.type}",
            expected=f"an address that begins with {origin.type}.",
        )
    if _at(snapshot, target):
        return error("address-taken", f"{target} is recorded already", expected="an address that is free")
    return None


def _lost(world: World, before: Sequence[ResourceState], after: Sequence[ResourceState]) -> Diagnostic | None:
    """Whether a region finds a resource under its old name and not under the new one."""
    scope = world.project.scope
    for old, new in zip(before, after, strict=True):
        provider = world.providers.get(old.region)
        if provider is None:
            return error("unknown-region", f"{old.address} is in region {old.region}, which is not declared")
        found = provider.read(ReadQuery(scope=scope, known=[old])).get(old.key)
        if isinstance(found, Present) and not isinstance(
            provider.read(ReadQuery(scope=scope, known=[new])).get(new.key), Present
        ):
            return error(
                "known-by-address",
                f"region {old.region} knows {old.address} by this name: under {new.address} it would be lost",
                expected="a change of the manifest and an apply, which replaces it",
            )
    return None


def _renamed(record: ResourceState, origin: ResourceAddress, target: ResourceAddress) -> ResourceState:
    names = {target if address == origin else address for address in record.dependencies}
    return replace(record, dependencies=tuple(sorted(names)))
