"""The walk from desired, recorded and actual to changes, dependencies first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.following import FOLLOWER_TYPE
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.plan import Action, Change, FieldChange
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import Attributes, Reference, is_known
from declarative_paas.plan.causes import TRIED_AGAIN, causes_of_change
from declarative_paas.plan.diff import diff_attributes
from declarative_paas.plan.drift import outdated
from declarative_paas.plan.exclusion import Exclusion
from declarative_paas.plan.ignoring import with_actual
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.prior import Prior, Priors, begun_only
from declarative_paas.plan.replacing import Replacing
from declarative_paas.plan.resolve import Settled, resolve, settled_after
from declarative_paas.plan.risk import RiskInputs, risks_of


@dataclass(slots=True)
class Walk:
    """What the walk has found so far; local to one plan."""

    changes: dict[ResourceAddress, Change] = field(default_factory=dict[ResourceAddress, Change])
    settled: dict[ResourceAddress, Settled] = field(default_factory=dict[ResourceAddress, Settled])
    refreshed: list[ResourceState] = field(default_factory=list[ResourceState])
    unchanged: int = 0


def walk_desired(
    inputs: PlanInputs,
    priors: Priors,
    order: list[ResourceAddress],
    selected: Collection[ResourceAddress],
    exclusion: Exclusion,
    replacing: Replacing,
) -> Walk:
    """Plans creates, updates and replacements in dependency order."""
    walk = Walk()
    for address in order:
        wanted = inputs.desired[address]
        kind = inputs.types[address.type]
        prior = priors.current.get(address)
        if address not in selected or (prior is not None and prior.unreachable is not None):
            _leave(walk, wanted, prior, kind)
            continue
        attributes: Attributes = resolve(wanted.attributes, walk.settled)
        asked = exclusion.concerns(wanted, attributes, walk.settled)
        demanded = replacing.cause(wanted, walk.changes)
        if asked is not None:
            _exclude(inputs, priors, walk, wanted, asked, exclusion, demanded=demanded)
            continue
        if prior is None or prior.gone:
            change = _create(inputs, priors, wanted, attributes, prior)
            walk.changes[address] = change
            walk.settled[address] = settled_after(kind, attributes, {}, made=True, updated=False)
            continue
        attributes = _standing(wanted, attributes, prior)
        change_or_none = _alter(inputs, priors, wanted, attributes, prior, demanded=demanded)
        if change_or_none is None:
            walk.unchanged += 1
            walk.settled[address] = settled_after(kind, attributes, prior.outputs, made=False, updated=False)
            fresh = outdated(wanted, attributes, prior, kind)
            if fresh is not None:
                walk.refreshed.append(fresh)
            continue
        walk.changes[address] = change_or_none
        made = change_or_none.action is Action.REPLACE
        # A stable output survives every update but that of the name, which urls and hosts are made from.
        renamed = any(item.path == "name" for item in change_or_none.fields)
        stable: Attributes = {} if renamed else prior.outputs
        walk.settled[address] = settled_after(
            kind, attributes, stable, made=made, updated=not made and not change_or_none.renames_only
        )
    return walk


def _exclude(
    inputs: PlanInputs,
    priors: Priors,
    walk: Walk,
    wanted: Resource,
    asked: Attributes,
    exclusion: Exclusion,
    *,
    demanded: str | None,
) -> None:
    """Leaves a resource alone; what it would become is remembered for those that depend on it."""
    kind, prior = inputs.types[wanted.address.type], priors.current.get(wanted.address)
    if prior is None or prior.gone:
        change: Change | None = _create(inputs, priors, wanted, asked, prior)
    else:
        change = _alter(inputs, priors, wanted, _standing(wanted, asked, prior), prior, demanded=demanded)
    _leave(walk, wanted, prior, kind)
    if change is not None:
        exclusion.withhold(change, kind, {} if prior is None else prior.outputs)
        walk.unchanged -= prior is not None


def _standing(wanted: Resource, attributes: Attributes, prior: Prior) -> Attributes:
    """What is wanted of something that is there: ignored fields as they are, protection until it is lifted."""
    if wanted.ignored:
        attributes = with_actual(attributes, prior.attributes, wanted.ignored)
    # Only `protect: false` lifts it: a line that went lost in an edit must not.
    if "protect" not in attributes and prior.owned.get("protect"):
        attributes = {**attributes, "protect": True}
    return attributes


def _leave(walk: Walk, wanted: Resource, prior: Prior | None, kind: ResourceType) -> None:
    """Not to be touched now: others see it as it stands, or as unknown when it does not exist yet."""
    if prior is None:
        walk.settled[wanted.address] = settled_after(kind, wanted.attributes, {}, made=True, updated=False)
    else:
        walk.unchanged += 1
        walk.settled[wanted.address] = Settled(known=prior.outputs, attributes=prior.attributes, changing=False)


def _create(
    inputs: PlanInputs, priors: Priors, wanted: Resource, attributes: Attributes, prior: Prior | None
) -> Change:
    address = wanted.address
    begun = priors.begun.get(address)
    instance = begun.instance if begun is not None else new_instance(inputs, priors, address)
    cause = "not there yet" if prior is None else "deleted outside of dpaas: made again"
    if begun is not None and prior is None:
        cause = TRIED_AGAIN
    return Change(
        address=address,
        action=Action.CREATE,
        region=wanted.region,
        instance=instance,
        after=attributes,
        causes=(cause,),
        risks=risks_of(
            RiskInputs(
                address=address,
                kind=inputs.types[address.type],
                action=Action.CREATE,
                fields=(),
                before={},
                after=attributes,
                region=wanted.region,
                prior_region=None,
                jurisdictions=inputs.jurisdictions,
                uses=_used_region(inputs, wanted),
                publishes=_publishes(address, priors),
            )
        ),
        dependencies=wanted.dependencies(),
        # A record whose resource is gone is replaced in the same transaction that writes the new one.
        prior_instance=None if prior is None else prior.instance,
        price_before_cents=0,
        price_after_cents=wanted.price_cents,
        position=wanted.position,
        declared_in=wanted.declared_in,
    )


def _used_region(inputs: PlanInputs, wanted: Resource) -> str | None:
    """Where the add-on is that an attachment is of; None for everything else."""
    addon = wanted.attributes.get("addon") if wanted.address.type == "attachment" else None
    used = inputs.desired.get(addon.address) if isinstance(addon, Reference) else None
    return None if used is None else used.region


def _publishes(address: ResourceAddress, priors: Priors) -> bool:
    """Whether this is among the first domains of an app that has been there without any."""
    if address.type != "domain" or address.app in priors.published:
        return False
    return ResourceAddress("app", address.app) in priors.current


def _alter(
    inputs: PlanInputs, priors: Priors, wanted: Resource, attributes: Attributes, prior: Prior, *, demanded: str | None
) -> Change | None:
    kind = inputs.types[wanted.address.type]
    fields = diff_attributes(attributes, prior.attributes, prior.owned, kind)
    moved = wanted.region != prior.region
    as_wanted = not fields and not moved and demanded is None and not prior.problems and prior.record is not None
    if as_wanted and prior.origin is None:
        return None
    forced = demanded is not None or moved or any(item.forces_replacement for item in fields)
    action = Action.REPLACE if forced else Action.UPDATE
    risks = risks_of(
        RiskInputs(
            address=wanted.address,
            kind=kind,
            action=action,
            fields=fields,
            before=prior.attributes,
            after=attributes,
            region=wanted.region,
            prior_region=prior.region,
            jurisdictions=inputs.jurisdictions,
            uses=_used_region(inputs, wanted),
        )
    )
    return Change(
        address=wanted.address,
        action=action,
        region=wanted.region,
        instance=successor_of(inputs, priors, wanted, attributes) if forced else prior.instance,
        before=prior.attributes,
        after=attributes,
        fields=fields,
        causes=causes_of_change(action, wanted, prior, fields, demanded=demanded),
        risks=risks,
        dependencies=wanted.dependencies(),
        prior_instance=prior.instance,
        prior_region=prior.region,
        price_before_cents=0 if prior.record is None else prior.record.price_cents,
        price_after_cents=wanted.price_cents,
        position=wanted.position,
        declared_in=wanted.declared_in,
        moved_from=prior.origin,
        renames_only=as_wanted,
    )


def walk_removed(
    inputs: PlanInputs, priors: Priors, chosen: Callable[[ResourceAddress], bool]
) -> dict[ResourceAddress, Change]:
    """Plans deletions: only of what is recorded, or was begun by us, and is no longer asked for."""
    wanted: Mapping[ResourceAddress, Resource] = {} if inputs.destroy else inputs.desired
    changes: dict[ResourceAddress, Change] = {}
    held = _under_what_stays(inputs, priors)
    for address in sorted(priors.current):
        prior = priors.current[address]
        if address in wanted or prior.unreachable is not None or not chosen(address):
            continue
        if address in held or is_anothers(inputs, prior):
            continue
        changes[address] = _removal(inputs, prior)
    return changes


def _under_what_stays(inputs: PlanInputs, priors: Priors) -> set[ResourceAddress]:
    """What something stands on that cannot be reached now, or that a file declares which this plan does not read: it
    goes when that can be looked at."""
    held: set[ResourceAddress] = set()
    open_ends = [
        address
        for address, prior in priors.current.items()
        if prior.unreachable is not None or (address.type == FOLLOWER_TYPE and is_anothers(inputs, prior))
    ]
    while open_ends:
        prior = priors.current.get(open_ends.pop())
        for needed in () if prior is None or prior.record is None else prior.record.dependencies:
            if needed not in held:
                held.add(needed)
                open_ends.append(needed)
    return held


def is_anothers(inputs: PlanInputs, prior: Prior) -> bool:
    """Whether a manifest file that this plan does not read declares it: a narrower `-f` deletes nothing of it."""
    declared_in = "" if prior.record is None else prior.record.declared_in
    return bool(declared_in) and not inputs.reads(declared_in)


def _removal(inputs: PlanInputs, prior: Prior) -> Change:
    """A deletion, or, where the manifests say so, only the end of the record."""
    unused = "nothing follows by it any more" if prior.address.type == LINK_TYPE else "no longer in the manifests"
    cause = "destroy" if inputs.destroy else unused
    for declared in inputs.removals:
        because = f": {declared.reason}" if declared.reason else ""
        if declared.keeps(prior.address) and not prior.gone:
            return replace(
                delete_change(inputs, prior, ""),
                action=Action.FORGET,
                causes=(f"declared as removed, and kept{because}",),
                risks=(),
            )
        if declared.address == prior.address and declared.destroy:
            cause = f"declared as removed{because}"
    return delete_change(inputs, prior, cause)


def left_over(
    inputs: PlanInputs,
    priors: Priors,
    chosen: Callable[[ResourceAddress], bool],
    changes: Mapping[ResourceAddress, Change],
) -> list[Change]:
    """Plans the deletion of deposed instances, and of begun ones that no replacement goes on with."""
    successors = {(change.address, change.instance) for change in changes.values()}
    return [
        delete_change(inputs, prior, "left over by an interrupted replacement")
        for prior in sorted(priors.leftovers, key=lambda prior: (prior.address, prior.instance))
        if prior.unreachable is None and chosen(prior.address) and (prior.address, prior.instance) not in successors
    ]


def delete_change(inputs: PlanInputs, prior: Prior, cause: str) -> Change:
    """The deletion of one instance; of what is already gone, only its record is forgotten."""
    kind = inputs.types[prior.address.type]
    action = Action.FORGET if prior.gone else Action.DELETE
    deletion = RiskInputs(
        address=prior.address,
        kind=kind,
        action=action,
        fields=(),
        before=prior.attributes,
        after={},
        region=prior.region,
        prior_region=prior.region,
        jurisdictions=inputs.jurisdictions,
    )
    unused = begun_only(inputs.snapshot, (prior.address, prior.instance))
    return Change(
        address=prior.address,
        action=action,
        region=prior.region,
        instance=prior.instance,
        before=prior.attributes,
        causes=(cause if action is Action.DELETE else "deleted outside of dpaas: its record is removed",),
        risks=() if unused else risks_of(deletion),
        dependencies=() if prior.record is None else prior.record.dependencies,
        prior_instance=prior.instance,
        prior_region=prior.region,
        price_before_cents=0 if prior.record is None else prior.record.price_cents,
        price_after_cents=0,
    )


def successor_of(inputs: PlanInputs, priors: Priors, wanted: Resource, attributes: Attributes) -> str:
    """The instance that a replacement makes: the one that an interrupted apply began to make, if it is that."""
    begun = priors.begun.get(wanted.address)
    if begun is not None and begun.region == wanted.region:
        found = next((prior for prior in priors.leftovers if prior.instance == begun.instance), None)
        kind = inputs.types[wanted.address.type]
        if found is None or not _differs(diff_attributes(attributes, found.attributes, found.attributes, kind)):
            return begun.instance
    return new_instance(inputs, priors, wanted.address)


def _differs(fields: Sequence[FieldChange]) -> bool:
    return any(is_known(item.after) for item in fields)


def new_instance(inputs: PlanInputs, priors: Priors, address: ResourceAddress) -> str:
    """A deterministic id: the same plan, made twice, makes the same instance, so a late duplicate collides.

    Never the id of an instance that is there, or may be: that one is deleted, or kept for what it is.
    """
    seed = f"{inputs.scope}\0{inputs.snapshot.lineage}\0{inputs.snapshot.serial}\0{address}"
    taken = priors.instances.get(address, ())
    while (instance := hashlib.sha256(seed.encode()).hexdigest()[:10]) in taken:
        seed += "\0"
    return instance
