"""What the state records of a step that succeeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from declarative_paas.apply.requests import as_known, conceal
from declarative_paas.core.plan import Change, Step
from declarative_paas.core.provider import Done, InstanceKey, StepRequest
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import StepResult
from declarative_paas.core.values import SecretRef, Sensitive


def made(
    step: Step,
    change: Change,
    request: StepRequest,
    done: Done,
    *,
    scope: object,
    store: Callable[[str, Sensitive], SecretRef],
    records: Mapping[InstanceKey, ResourceState],
) -> StepResult:
    """The record of what was made or changed, in the place of the one it supersedes."""
    name = f"@{scope}/{step.address}"
    record = ResourceState(
        address=step.address,
        instance=step.instance,
        region=step.region,
        remote_id=done.remote_id,
        attributes=conceal(request.attributes, name, store),
        outputs=as_known(conceal(done.outputs, name, store), request.prior),
        dependencies=change.dependencies,
        price_cents=change.price_after_cents,
        declared_in=change.declared_in,
        status=_status(step, change, records),
    )
    superseded = _predecessor(step, change)
    keep = change.create_before_destroy or change.retains or superseded not in records
    return StepResult(step_id=step.id, put=record, remove=None if keep else superseded)


def deposed(step: Step, change: Change, records: Mapping[InstanceKey, ResourceState]) -> StepResult | None:
    """The old instance's record, when its successor was made first; to be written together with that one's.

    From then on the old one is deposed: if nothing else happens any more, the next plan deletes it. Or it is
    retained: it stays until the move that left it is finished.
    """
    predecessor = _predecessor(step, change)
    record = None if predecessor is None else records.get(predecessor)
    if not (change.create_before_destroy or change.retains) or record is None:
        return None
    status = InstanceStatus.RETAINED if change.retains else InstanceStatus.DEPOSED
    return StepResult(step_id=f"depose:{record.address}#{record.instance}", put=replace(record, status=status))


def _status(step: Step, change: Change, records: Mapping[InstanceKey, ResourceState]) -> InstanceStatus:
    """What is kept of a move stays so when it is frozen; what it goes back to is current again."""
    record = records.get((step.address, step.instance))
    retained = record is not None and record.status is InstanceStatus.RETAINED
    return InstanceStatus.RETAINED if retained and not change.retains else InstanceStatus.CURRENT


def renamed(step: Step, change: Change, record: ResourceState | None) -> StepResult:
    """The record under its new address: the thing is the same, so what was recorded of it still holds."""
    assert record is not None, "only what is recorded is renamed"
    moved = replace(record, address=step.address, dependencies=change.dependencies, declared_in=change.declared_in)
    return StepResult(step_id=step.id, put=moved, remove=record.key)


def _predecessor(step: Step, change: Change) -> InstanceKey | None:
    before = change.prior_instance
    return None if before is None or before == step.instance else (step.address, before)
