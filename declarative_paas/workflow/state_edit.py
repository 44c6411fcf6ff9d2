"""Edits of the record by hand: under the lock, with a backup first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.apply.executor import LEASE_TTL_S
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.state import Snapshot, StepResult
from declarative_paas.state.edit import move, removal
from declarative_paas.state.location import backup_store
from declarative_paas.workflow.deploy import lock_holder
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEdit:
    """What an edit did: records removed and written, unfinished steps forgotten, and the copy from before."""

    removed: Sequence[InstanceKey]
    written: Sequence[InstanceKey]
    forgotten: Sequence[str]
    backup: Path


def remove_record(world: World, address: ResourceAddress) -> StateEdit:
    """Forgets what is recorded at the address; nothing real is touched. Raises LockHeld, StateError."""
    return _edit(world, lambda snapshot: removal(snapshot, address))


def move_record(world: World, from_: ResourceAddress, to: ResourceAddress) -> StateEdit:
    """Records what is at `from_` under `to`; nothing real is touched. Raises LockHeld, StateError."""
    return _edit(world, lambda snapshot: move(snapshot, from_, to))


def _edit(world: World, change: Callable[[Snapshot], Sequence[StepResult]]) -> StateEdit:
    project, store = world.project, world.store
    # Before the lock too: a mistake in an address must not make a state where there is none.
    change(store.snapshot(project.scope))
    lease = store.acquire(project.scope, lock_holder(), LEASE_TTL_S)
    try:
        results = change(store.snapshot(project.scope))
        copy = backup_store(
            project.manifests.platform.spec.state, base_dir=project.directory, now=world.clock.now()
        )
        store.commit(lease, results=results)
    finally:
        store.release(lease)
    return StateEdit(
        removed=[result.remove for result in results if result.remove is not None],
        written=[result.put.key for result in results if result.put is not None],
        forgotten=[result.step_id for result in results if result.put is None and result.remove is None],
        backup=copy,
    )
