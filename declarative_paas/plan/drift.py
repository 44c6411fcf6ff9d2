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
    kept = _ours(record, prior, kind, attributes)
    if "protect" in kept and "protect" not in attributes:
        # A lifted protection whose line is gone: what holds data is protected by itself again.
        kept = {name: value for name, value in kept.items() if name != "protect"}
    dependencies = wanted.dependencies()
    if (
        _is_recorded(record, kept, prior, wanted.ignored)
        and dependencies == record.dependencies
        and wanted.price_cents == record.price_cents
        and wanted.declared_in == record.declared_in
    ):
        return None
    return replace(
        record,
        attributes=kept,
        outputs=prior.outputs,
        dependencies=dependencies,
        price_cents=wanted.price_cents,
        declared_in=wanted.declared_in,
    )


def drifted(prior: Prior, kind: ResourceType, paths: Sequence[str]) -> ResourceState | None:
    """The record brought up to date with what was read, whatever is wanted; None when it is up to date."""
    record = prior.record
    if record is None or prior.gone or prior.unreachable is not None:
        return None
    kept = _ours(record, prior, kind, {})
    if _is_recorded(record, kept, prior, paths):
        return None
    return replace(record, attributes=kept, outputs=prior.outputs)


def _is_recorded(record: ResourceState, kept: Attributes, prior: Prior, paths: Sequence[str]) -> bool:
    known = with_actual(record.attributes, prior.attributes, paths) if paths else record.attributes
    return kept == known and prior.outputs == record.outputs


def _ours(record: ResourceState, prior: Prior, kind: ResourceType, wanted: Attributes) -> Attributes:
    """What was read, as far as it is ours: recorded already, or wanted.

    A key of a keyed attribute that somebody else set stays theirs: recorded, it would be ours to remove.
    """
    if prior.attributes is record.attributes:
        return record.attributes
    kept: dict[str, Value] = {}
    for name, value in prior.attributes.items():
        if name not in record.attributes and name not in wanted:
            continue
        if name in kind.keyed and is_map(value):
            ours = _keys(record.attributes.get(name)) | _keys(wanted.get(name))
            kept[name] = {key: item for key, item in value.items() if key in ours}
        else:
            kept[name] = value
    return kept


def _keys(value: Value) -> set[str]:
    return set(value) if is_map(value) else set()
