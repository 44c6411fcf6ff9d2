"""`dpaas state push`: a whole record put back in the place of the one that is here, after a backup of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot, StateError, StepResult
from declarative_paas.core.values import Attributes, SecretRef, secret_refs
from declarative_paas.state.document import StateDocument
from declarative_paas.state.location import backup_store
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.stored_secrets import with_stored_versions
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did: how many records there are now, at which serial, and the copy from before, if there was a
    state. `missing` are secrets that the records name and that are not stored here."""

    count: int
    serial: int
    backup: Path | None
    missing: Sequence[SecretRef]


def push_state(world: World, document: StateDocument, *, force: bool) -> Pushed:
    """Replaces this scope's records by the document's. Raises LockHeld and StateError.

    Refused, unless forced, where it could undo what was done since: another lineage, or no later serial.
    Steps that are unfinished here stay so: what they made is looked for, whatever the document says.
    """
    project, store, scope = world.project, world.store, world.project.scope
    if document.scope != scope:
        raise StateError(f"the pushed state is that of {document.scope}, not of {scope}")
    before = store.snapshot(scope)
    _refuse_older(document.snapshot, before, force=force)  # before the lock too: a refusal makes no state
    with holding_lock(store, scope) as lease:
        here = store.snapshot(scope)
        _refuse_older(document.snapshot, here if before.lineage else before, force=force)
        copy = None
        if before.lineage:
            location = project.manifests.platform.spec.state
            copy = backup_store(location, scope, base_dir=project.directory, now=world.clock.now())
        stored = world.secrets.refs()
        records = [_as_stored(record, stored) for record in document.snapshot.resources.values()]
        keys = {record.key for record in records}
        results = [StepResult(step_id=f"state push {key[0]}", remove=key) for key in here.resources if key not in keys]
        results += [StepResult(step_id=f"state push {record.address}", put=record) for record in records]
        serial = store.commit(
            lease, results=results, intents=document.snapshot.intents, at_least=document.snapshot.serial
        )
    return Pushed(count=len(records), serial=serial, backup=copy, missing=_missing(world, records))


def _refuse_older(pushed: Snapshot, here: Snapshot, *, force: bool) -> None:
    if force or (not here.resources and not here.serial):
        return  # where nothing was ever recorded, nothing is lost
    if pushed.lineage != here.lineage:
        raise StateError(
            f"the pushed state is of another lineage ({pushed.lineage}) than the state here ({here.lineage}): "
            "it records another history; --force replaces the one here"
        )
    if pushed.serial <= here.serial:
        raise StateError(
            f"the pushed state's serial {pushed.serial} is not later than {here.serial}, the one here: it may undo "
            f"what was recorded since; give an edited one serial {here.serial + 1}, or --force to go back"
        )


def _as_stored(record: ResourceState, stored: Mapping[str, SecretRef]) -> ResourceState:
    """Each secret under the version that its value has here."""
    return replace(
        record,
        attributes=cast("Attributes", with_stored_versions(record.attributes, stored)),
        outputs=cast("Attributes", with_stored_versions(record.outputs, stored)),
    )


def _missing(world: World, records: Sequence[ResourceState]) -> list[SecretRef]:
    """What the records name and the store does not have, each once."""
    named = {
        (ref.name, ref.version): ref
        for record in records
        for value in (record.attributes, record.outputs)
        for ref in secret_refs(value)
        if ref.version  # version 0 was never stored: it came from outside
    }
    return [ref for _, ref in sorted(named.items()) if not _is_stored(world, ref)]


def _is_stored(world: World, ref: SecretRef) -> bool:
    try:
        world.secrets.get(ref)
    except StateError:
        return False
    return True
