"""What is otherwise than recorded: shown apart from changes, and, on request, taken over into the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Drift, FieldChange
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import Attributes, Value, is_map
from declarative_paas.plan.diff import diff_attributes
from declarative_paas.plan.ignoring import with_actual
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.prior import Prior, Priors


def drift(inputs: PlanInputs, priors: Priors) -> tuple[Drift, ...]:
    """Every drift, by address; what the manifests ignore is none."""
    return tuple(
        found
        for address in sorted(priors.current)
        if (found := _drift_of(priors.current[address], inputs.types[address.type], ignored(inputs.desired, address)))
        is not None
    )


def ignored(desired: Mapping[ResourceAddress, Resource], address: ResourceAddress) -> Sequence[str]:
    """The attribute paths of this resource that the manifests leave to somebody else."""
    wanted = desired.get(address)
    return () if wanted is None else wanted.ignored


def _drift_of(prior: Prior, kind: ResourceType, paths: Sequence[str]) -> Drift | None:
    record = prior.record
    if record is None or prior.unreachable is not None:
        return None
    if prior.gone:
        return Drift(address=prior.address, summary="deleted outside of dpaas")
    fields: tuple[FieldChange, ...] = ()
    if prior.attributes is not record.attributes:
        known = with_actual(record.attributes, prior.attributes, paths)
        fields = tuple(
            FieldChange(path=change.path, before=change.after, after=change.before)
            for change in diff_attributes(known, prior.attributes, record.attributes, kind)
        )
    if not fields and not prior.problems:
        return None
    summary = "; ".join(prior.problems) if prior.problems else "changed outside of dpaas"
    return Drift(address=prior.address, summary=summary, fields=fields)


def outdated(wanted: Resource, attributes: Attributes, prior: Prior, kind: ResourceType) -> ResourceState | None:
    """The new record of a resource that is as wanted but not as recorded; None when both agree.

    Prices and dependencies come from the manifests, so their change alone makes a new record too; what
    the manifests ignore does not.
    """
    record = prior.record
    if record is None:
        return None
    fresh = replace(
        _as_it_is(record, prior, kind, attributes), dependencies=wanted.dependencies(), price_cents=wanted.price_cents
    )
    if "protect" not in attributes and "protect" in fresh.attributes:
        # A lifted protection whose line is gone: what holds data is protected by itself again.
        fresh = replace(fresh, attributes={key: fresh.attributes[key] for key in fresh.attributes if key != "protect"})
    return None if fresh == _ignoring(record, prior, wanted.ignored) else fresh


def drifted(prior: Prior, kind: ResourceType, paths: Sequence[str]) -> ResourceState | None:
    """The record brought up to date with what was read, whatever is wanted; None when it is up to date."""
    record = prior.record
    if record is None or prior.gone or prior.unreachable is not None:
        return None
    fresh = _as_it_is(record, prior, kind, {})
    return None if fresh == _ignoring(record, prior, paths) else fresh


def _ignoring(record: ResourceState, prior: Prior, paths: Sequence[str]) -> ResourceState:
    return replace(record, attributes=with_actual(record.attributes, prior.attributes, paths)) if paths else record


def _as_it_is(record: ResourceState, prior: Prior, kind: ResourceType, wanted: Attributes) -> ResourceState:
    """The record with what was read, as far as it is ours: recorded already, or wanted.

    A key of a keyed attribute that somebody else set stays theirs: recorded, it would be ours to remove.
    """
    kept: dict[str, Value] = {}
    for name, value in prior.attributes.items():
        if name not in record.attributes and name not in wanted:
            continue
        if name in kind.keyed and is_map(value):
            ours = _keys(record.attributes.get(name)) | _keys(wanted.get(name))
            kept[name] = {key: item for key, item in value.items() if key in ours}
        else:
            kept[name] = value
    return replace(record, attributes=kept, outputs=prior.outputs)


def _keys(value: Value) -> set[str]:
    return set(value) if is_map(value) else set()
