"""The planner: (desired, recorded, actual) -> Plan. Opens nothing, asks nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, note, warning
from declarative_paas.core.graph import topological_order
from declarative_paas.core.plan import Change, Plan
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import encode
from declarative_paas.plan.changes import Walk, is_anothers, left_over, walk_desired, walk_removed
from declarative_paas.plan.consent import consented, unconfirmed, unknown_confirmations
from declarative_paas.plan.drift import drift
from declarative_paas.plan.exclusion import Exclusion
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.link_order import order_links
from declarative_paas.plan.move_order import order_moves
from declarative_paas.plan.moving import Moved, move_records
from declarative_paas.plan.prices import prices_of, told_prices
from declarative_paas.plan.prior import Prior, Priors, gather
from declarative_paas.plan.refreshing import refresh_records
from declarative_paas.plan.region_moves import RegionMoves
from declarative_paas.plan.replacing import Replacing
from declarative_paas.plan.steps import steps_of
from declarative_paas.plan.succession import put_new_ones_first
from declarative_paas.plan.targets import contradictions, named_by, select


def make_plan(inputs: PlanInputs) -> tuple[Plan, list[Diagnostic]]:
    """The plan that turns what is into what is wanted, and what stands in its way.

    With an error among the diagnostics the plan may be shown but not applied. Raises CycleError only
    when `desired` was not checked for cycles before.
    """
    desired: Mapping[ResourceAddress, Resource] = {} if inputs.destroy else inputs.desired
    moved = move_records(inputs)
    inputs = replace(inputs, snapshot=moved.snapshot, readings=moved.readings)
    between_regions = RegionMoves(inputs, gather(inputs.snapshot, inputs.readings, moved.origins), desired)
    priors = between_regions.priors
    wanted_dependencies = {address: resource.dependencies() for address, resource in desired.items()}
    recorded_dependencies = _recorded_dependencies(priors, inputs.types)
    order = topological_order(wanted_dependencies)
    everything = desired.keys() | priors.current.keys() | {prior.address for prior in priors.retained}
    removed = priors.current.keys() - desired.keys()
    selected, diagnostics = select(inputs.targets, everything, wanted_dependencies, recorded_dependencies, removed)
    excluded, unknown = named_by(inputs.excludes, everything)
    replacing = Replacing(desired)
    diagnostics += [*moved.diagnostics, *unknown, *replacing.ask_for(inputs.replaces)]
    diagnostics += contradictions(inputs.targets, excluded, everything) + unknown_confirmations(inputs, everything)
    exclusion = Exclusion(named=frozenset(excluded))

    def chosen(address: ResourceAddress) -> bool:
        return address in selected and exclusion.allows(address)

    if inputs.refresh_only:
        walk = Walk()
        walk.changes, walk.refreshed = refresh_records(inputs, priors, chosen)
        leftovers, freezes = list[Change](), list[Change]()
    else:
        walk = walk_desired(inputs, priors, order, selected, exclusion, replacing)
        between_regions.keep_old_sides(walk, chosen)
        diagnostics += put_new_ones_first(walk.changes, desired, wanted_dependencies, order, inputs.types)
        exclusion.keep_what_they_stand_on(removed, recorded_dependencies)
        walk.changes.update(walk_removed(inputs, priors, chosen))
        leftovers = [*left_over(inputs, priors, chosen, walk.changes), *between_regions.ended(chosen)]
        freezes = between_regions.freezes(walk.changes, chosen)
        diagnostics += [*between_regions.diagnostics, *between_regions.unfinished(walk.changes)]
        diagnostics += _emptied(inputs, priors)
    settled = _in_order(walk.changes, order, recorded_dependencies)
    ordered = [*settled, *freezes, *leftovers]
    diagnostics += unconfirmed(inputs, ordered, moved.diagnostics)
    diagnostics += _unreachable(priors, nothing_else=not ordered) + _elsewhere(inputs, priors, removed)
    diagnostics += exclusion.remarks()
    steps = steps_of(settled, wanted_dependencies, recorded_dependencies, order, leftovers, _triggers(desired))
    kept_cents = between_regions.kept_cents(walk.changes, leftovers)
    plan = replace(
        _blank(inputs),
        changes=tuple(ordered),
        steps=order_links(order_moves(steps, ordered, freezes, between_regions.moves, wanted_dependencies), ordered),
        drift=drift(inputs, priors),
        unchanged=walk.unchanged,
        base={str(change.address): fingerprint(priors.current.get(change.address)) for change in ordered},
        refreshed=(*walk.refreshed, *_rewritten(moved, walk)),
        settles=() if inputs.refresh_only else _settled_intents(inputs, priors, selected, exclusion),
        confirmed=tuple(sorted({*inputs.confirmed, *consented(inputs, walk.changes)})),
        **told_prices(prices_of(desired, walk.changes, priors, exclusion, kept_cents), ordered),
    )
    return plan, diagnostics


def _recorded_dependencies(
    priors: Priors, types: Mapping[str, ResourceType]
) -> dict[ResourceAddress, tuple[ResourceAddress, ...]]:
    """What was made and never recorded is taken to stand on all of its app that is of an earlier type."""
    found = {
        address: prior.record.dependencies for address, prior in priors.current.items() if prior.record is not None
    }
    for address in priors.current.keys() - found.keys():
        before = types[address.type].order
        found[address] = tuple(
            other for other in sorted(priors.current) if other.app == address.app and types[other.type].order < before
        )
    return found


def _triggers(desired: Mapping[ResourceAddress, Resource]) -> dict[ResourceAddress, tuple[ResourceAddress, ...]]:
    return {
        address: resource.replace_triggered_by for address, resource in desired.items() if resource.replace_triggered_by
    }


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
        back=tuple(sorted(inputs.returning)),
        finish=tuple(sorted(inputs.finishing)),
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
        prior.region
        for prior in [*priors.current.values(), *priors.leftovers, *priors.retained]
        if prior.unreachable is not None
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
