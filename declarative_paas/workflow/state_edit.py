"""`dpaas state rm` and `mv`: repairs of the record under the lock, after a backup. They touch nothing real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import InstanceKey, Present, ReadQuery
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot, StateError, StepResult
from declarative_paas.state.edit import move, removal
from declarative_paas.state.location import backup_store
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEdit:
    """What an edit did: records removed and written, unfinished steps forgotten, and the copy from before."""

    removed: Sequence[InstanceKey]
    written: Sequence[InstanceKey]
    forgotten: Sequence[str]
    backup: Path


def remove_record(world: World, address: ResourceAddress) -> StateEdit:
    """Forgets what is recorded at the address; what it stands for stays. Raises LockHeld, StateError."""
    return _edit(world, lambda snapshot: removal(snapshot, address))


def move_record(world: World, from_: ResourceAddress, to: ResourceAddress) -> StateEdit:
    """Records what is at `from_` under `to`. Raises LockHeld, StateError.

    Refused where the region would not find it under the new name: the next plan would make a second one,
    and nobody would ever delete the first.
    """

    def change(snapshot: Snapshot) -> Sequence[StepResult]:
        results = move(snapshot, from_, to)
        for result in results:
            if result.put is not None and result.remove is not None:
                _refuse_loss(world, snapshot.resources[result.remove], result.put)
        return results

    return _edit(world, change)


def _edit(world: World, change: Callable[[Snapshot], Sequence[StepResult]]) -> StateEdit:
    project, store = world.project, world.store
    # Before the lock too: a mistake in an address must not make a state where there is none.
    change(store.snapshot(project.scope))
    with holding_lock(store, project.scope) as lease:
        results = change(store.snapshot(project.scope))
        location = project.manifests.platform.spec.state
        copy = backup_store(location, project.scope, base_dir=project.directory, now=world.clock.now())
        store.commit(lease, results=results)
    return StateEdit(
        removed=[result.remove for result in results if result.remove is not None],
        written=[result.put.key for result in results if result.put is not None],
        forgotten=[result.step_id for result in results if result.put is None and result.remove is None],
        backup=copy,
    )


def _refuse_loss(world: World, old: ResourceState, new: ResourceState) -> None:
    """Raises StateError when the region finds the resource under its old name and not under the new one."""
    provider = world.providers.get(old.region)
    if provider is None:
        raise StateError(f"{old.address} is in region {old.region}, which the Platform does not declare")
    scope = world.project.scope
    found = provider.read(ReadQuery(scope=scope, known=[old])).get(old.key)
    again = provider.read(ReadQuery(scope=scope, known=[new])).get(new.key)
    if isinstance(found, Present) and not isinstance(again, Present):
        raise StateError(
            f"region {old.region} knows {old.address} by this name: as {new.address} it would be lost, "
            "and a second one would be made; change the manifest and apply instead"
        )
