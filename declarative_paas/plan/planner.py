"""The planner: (desired, recorded, actual) -> Plan. Opens nothing, asks nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, note, warning
from declarative_paas.core.graph import topological_order
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.values import encode
from declarative_paas.plan.changes import Walk, is_anothers, left_over, walk_desired, walk_removed
from declarative_paas.plan.drift import drift
from declarative_paas.plan.exclusion import Exclusion
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.moving import Moved, move_records
from declarative_paas.plan.prior import Prior, Priors, gather
from declarative_paas.plan.refreshing import refresh_records
from declarative_paas.plan.replacing import to_replace
from declarative_paas.plan.steps import steps_of
from declarative_paas.plan.targets import named_by, select


def make_plan(inputs: PlanInputs) -> tuple[Plan, list[Diagnostic]]:
    """The plan that turns what is into what is wanted, and what stands in its way.

    With an error among the diagnostics the plan may be shown but not applied. Raises CycleError only
    when `desired` was not checked for cycles before.
    """
    desired: Mapping[ResourceAddress, Resource] = {} if inputs.destroy else inputs.desired
    moved = move_records(inputs)
    inputs = replace(inputs, snapshot=moved.snapshot, readings=moved.readings)
    priors = gather(inputs.snapshot, inputs.readings, moved.origins)
    wanted_dependencies = {address: resource.dependencies() for address, resource in desired.items()}
    recorded_dependencies = {
        address: prior.record.dependencies for address, prior in priors.current.items() if prior.record is not None
    }
    order = topological_order(wanted_dependencies)
    everything = desired.keys() | priors.current.keys()
    removed = priors.current.keys() - desired.keys()
    selected, diagnostics = select(inputs.targets, everything, wanted_dependencies, recorded_dependencies, removed)

    excluded, unknown = named_by(inputs.excludes, everything)
    replacing, undeclared = to_replace(inputs.replaces, desired.keys())
    diagnostics += [*moved.diagnostics, *unknown, *undeclared]
    exclusion = Exclusion(named=frozenset(excluded))

    def chosen(address: ResourceAddress) -> bool:
        return address in selected and exclusion.allows(address)

    if inputs.refresh_only:
        walk = Walk()
        walk.changes, walk.refreshed = refresh_records(inputs, priors, chosen)
        leftovers: list[Change] = []
    else:
        walk = walk_desired(inputs, priors, order, selected, exclusion, replacing)
        exclusion.keep_what_they_stand_on(removed, recorded_dependencies)
        walk.changes.update(walk_removed(inputs, priors, chosen))
        leftovers = left_over(inputs, priors, chosen)
        diagnostics += _emptied(inputs, priors)
    ordered = [*_in_order(walk.changes, order, recorded_dependencies), *leftovers]
    diagnostics += _unconfirmed(inputs, ordered, moved)
    diagnostics += _unreachable(priors, nothing_else=not ordered)
    diagnostics += _elsewhere(inputs, priors, removed)
    diagnostics += exclusion.remarks()
    before, after, unpriced = _prices(desired, walk.changes, priors, exclusion)
    plan = replace(
        _blank(inputs),
        changes=tuple(ordered),
        steps=steps_of(ordered, wanted_dependencies, recorded_dependencies, order),
        drift=drift(inputs, priors),
        unchanged=walk.unchanged,
        base={str(change.address): fingerprint(priors.current.get(change.address)) for change in ordered},
        refreshed=(*walk.refreshed, *_rewritten(moved, walk)),
        settles=() if inputs.refresh_only else _settled_intents(inputs, priors, selected, exclusion),
        confirmed=tuple(sorted({*inputs.confirmed, *_consented(inputs, walk.changes)})),
        price_before_cents=before,
        price_after_cents=after,
        unpriced=unpriced,
    )
    return plan, diagnostics


def _blank(inputs: PlanInputs) -> Plan:
    """What the plan is made from and was asked for."""
    return Plan(
        scope=inputs.scope,
        lineage=inputs.snapshot.lineage,
        serial=inputs.snapshot.serial,
        tool_version=inputs.tool_version,
        catalog_digest=inputs.catalog_digest,
        targets=tuple(sorted(inputs.targets)),
        excludes=tuple(sorted(inputs.excludes)),
        replaces=tuple(sorted(inputs.replaces)),
        destroy=inputs.destroy,
        refresh_only=inputs.refresh_only,
    )


def fingerprint(prior: Prior | None) -> str:
    """A digest of one resource as it was read: a saved plan is stale when a touched one differs."""
    if prior is None or prior.gone:
        return "absent"
    content = [prior.instance, prior.region, encode(prior.attributes), encode(prior.outputs), list(prior.problems)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:20]


def _in_order(
    changes: Mapping[ResourceAddress, Change],
    order: Sequence[ResourceAddress],
    recorded: Mapping[ResourceAddress, Iterable[ResourceAddress]],
) -> list[Change]:
    """What is made, in making order; then what is removed, in the reverse of its recorded order."""
    made = [changes[address] for address in order if address in changes]
    wanted = set(order)
    removed = {address: recorded.get(address, ()) for address in changes if address not in wanted}
    return made + [changes[address] for address in reversed(topological_order(removed))]


def _rewritten(moved: Moved, walk: Walk) -> list[ResourceState]:
    """Records that name a moved one, unless this plan writes them anyway."""
    written = walk.changes.keys() | {record.address for record in walk.refreshed}
    left = moved.origins.keys() - walk.changes.keys()
    return [
        record for record in moved.rewritten if record.address not in written and left.isdisjoint(record.dependencies)
    ]


def _settled_intents(
    inputs: PlanInputs, priors: Priors, selected: Collection[ResourceAddress], exclusion: Exclusion
) -> tuple[str, ...]:
    """Journaled steps of an interrupted apply that need no memory once this plan has succeeded."""
    unreachable = {
        prior.region for prior in [*priors.current.values(), *priors.leftovers] if prior.unreachable is not None
    }
    return tuple(
        sorted(
            intent.step_id
            for intent in inputs.snapshot.intents
            if (not inputs.targets or intent.address in selected)
            and exclusion.allows(intent.address)
            and intent.region not in unreachable
        )
    )


def _emptied(inputs: PlanInputs, priors: Priors) -> list[Diagnostic]:
    """Promise 10: manifests that ask for nothing at all never delete everything; `destroy` says so."""
    if inputs.destroy or inputs.desired or not priors.current:
        return []
    return [
        error(
            "empty-desired-state",
            f"the manifests declare no app, but {len(priors.current)} resources are recorded: nothing is deleted",
            expected="at least one App, or `dpaas destroy` to delete everything",
        )
    ]


def _unconfirmed(inputs: PlanInputs, changes: Sequence[Change], moved: Moved) -> list[Diagnostic]:
    """Promise 7: destroying data takes a confirmation, or a declaration, that names it."""
    consents = {declared.address for declared in inputs.removals if declared.destroy}
    # Whose move is refused is told so already: a confirmation would be the wrong way out.
    refused = {diagnostic.address for diagnostic in moved.diagnostics if diagnostic.is_error}
    return [
        error(
            "unconfirmed-data-loss",
            f"{change.action.value} of {change.address} destroys its data",
            change.position,
            expected=f"--confirm {change.address}",
            detail="; ".join(change.causes),
            address=str(change.address),
        )
        for change in changes
        if change.action in (Action.DELETE, Action.REPLACE)
        and _protected(inputs, change)
        and change.address not in inputs.confirmed
        and not (change.action is Action.DELETE and change.address in consents)
        and str(change.address) not in refused
    ]


def _consented(inputs: PlanInputs, changes: Mapping[ResourceAddress, Change]) -> set[ResourceAddress]:
    """What a `removed` declaration lets this plan destroy. It lets nothing be replaced."""
    return {
        declared.address
        for declared in inputs.removals
        if declared.destroy and (change := changes.get(declared.address)) is not None and change.action is Action.DELETE
    }


def _protected(inputs: PlanInputs, change: Change) -> bool:
    """By its recorded `protect`, else whether its type holds data.

    What is recorded was applied once: neither the manifests, which may have lost the whole block or lift
    the protection only now, nor a change made outside can take it away.
    """
    record = inputs.snapshot.resources.get((change.address, change.prior_instance or change.instance))
    protect = (change.before or {} if record is None else record.attributes).get("protect")
    return bool(protect) if protect is not None else inputs.types[change.address.type].stateful


def _elsewhere(inputs: PlanInputs, priors: Priors, removed: Collection[ResourceAddress]) -> list[Diagnostic]:
    """One remark for all that other manifest files declare."""
    files = {
        prior.record.declared_in
        for address in removed
        if (prior := priors.current[address]).record is not None and is_anothers(inputs, prior)
    }
    if not files:
        return []
    return [
        note(
            "declared-elsewhere",
            f"what {', '.join(sorted(files))} declared is left as it is: this plan does not read it",
            expected="-f for every file that belongs together, or none for all of them",
        )
    ]


def _unreachable(priors: Priors, *, nothing_else: bool) -> list[Diagnostic]:
    """One for each region: what could not be read is left exactly as it is, and the other regions go on.

    With nothing else to do it is an error: "no changes" must not be said of what nobody could look at.
    """
    told = error if nothing_else else warning
    reasons: dict[str, tuple[str, int]] = {}
    for prior in [*priors.current.values(), *priors.leftovers]:
        if prior.unreachable is not None:
            _, count = reasons.get(prior.region, ("", 0))
            reasons[prior.region] = (prior.unreachable, count + 1)
    return [
        told(
            "region-unreachable",
            f"region {region} cannot be reached: its {count} resource{'s are' if count > 1 else ' is'} left as before",
            detail=reason,
        )
        for region, (reason, count) in sorted(reasons.items())
    ]


def _prices(
    desired: Mapping[ResourceAddress, Resource],
    changes: Mapping[ResourceAddress, Change],
    priors: Priors,
    exclusion: Exclusion,
) -> tuple[int, int, int]:
    """Monthly cents before and after, and how many resources afterwards have no price."""
    before = after = unpriced = 0
    for address, prior in priors.current.items():
        price = 0 if prior.record is None else prior.record.price_cents
        before += price or 0
        if address not in changes:
            kept = desired[address].price_cents if address in desired and exclusion.allows(address) else price
            after += kept or 0
            unpriced += kept is None
    for change in changes.values():
        if change.address in desired:
            after += change.price_after_cents or 0
            unpriced += change.price_after_cents is None
    return before, after, unpriced
