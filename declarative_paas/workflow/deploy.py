"""The flow: manifests -> desired -> refresh -> plan -> apply. Every command that plans or applies comes by here."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from declarative_paas import __version__
from declarative_paas.apply.executor import ApplyResult, ApplyTools, Interruption, run_plan
from declarative_paas.apply.tally import Tally
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Severity, error, has_errors
from declarative_paas.core.event import EventSink
from declarative_paas.core.plan import Plan
from declarative_paas.core.resource import Resource
from declarative_paas.core.state import HistoryEntry, Hold, Lease, Snapshot
from declarative_paas.core.values import SecretRef
from declarative_paas.desired.build import desired_resources
from declarative_paas.desired.inputs import DesiredInputs
from declarative_paas.desired.lifecycle import declared_moves, declared_removals
from declarative_paas.desired.residency import jurisdictions_of
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan
from declarative_paas.preview.redaction import unmarked_secrets
from declarative_paas.refresh.read import begin_reading
from declarative_paas.workflow.begun import begun_text
from declarative_paas.workflow.copies import settle_copies
from declarative_paas.workflow.far_addons import far_addons
from declarative_paas.workflow.fork_planning import admission_of, with_forks
from declarative_paas.workflow.lock import RUNNING, holding_lock
from declarative_paas.workflow.move_review import with_durations
from declarative_paas.workflow.moving_regions import Moving, moving_apps
from declarative_paas.workflow.secret_sources import SourcedSecrets, read_sources_of_secrets
from declarative_paas.workflow.secret_versions import moved_secrets, store_sourced
from declarative_paas.workflow.sources import read_sources
from declarative_paas.workflow.stale import StalePlan
from declarative_paas.workflow.world import World
from declarative_paas.workflow.written import written_positions


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What the user asked of a plan, beside the manifests. `back` and `finish` name apps whose move between regions
    is open: they return to where they were, or stay and have the side that was left deleted."""

    destroy: bool = False
    refresh_only: bool = False
    targets: Collection[str] = ()
    excludes: Collection[str] = ()
    replaces: Collection[ResourceAddress] = ()
    confirmed: Collection[ResourceAddress] = ()
    refresh: bool = True
    hold: Hold | None = None
    back: Collection[str] = ()
    finish: Collection[str] = ()

    @classmethod
    def of(cls, plan: Plan) -> PlanRequest:
        """What was asked for when the plan was made."""
        return cls(
            destroy=plan.destroy,
            refresh_only=plan.refresh_only,
            targets=plan.targets,
            excludes=plan.excludes,
            replaces=plan.replaces,
            confirmed=plan.confirmed,
            back=plan.back,
            finish=plan.finish,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, what stands in its way, and the state it was made from."""

    plan: Plan | None
    diagnostics: Sequence[Diagnostic]
    snapshot: Snapshot
    desired: Mapping[ResourceAddress, Resource] = field(default_factory=dict[ResourceAddress, Resource])
    hold: Hold | None = None
    lapsed_holds: Sequence[str] = ()
    sourced: SourcedSecrets = field(default_factory=SourcedSecrets)

    @property
    def ok(self) -> bool:
        return self.plan is not None and not has_errors(self.diagnostics)


def desire(
    world: World, hold: Hold | None = None, sourced: SourcedSecrets | None = None, moving: Moving | None = None
) -> tuple[dict[ResourceAddress, Resource], list[Diagnostic], DesiredInputs]:
    """The desired resources, checked by the catalog and by each region's provider; reads no platform."""
    project = world.project
    holds = {found.app: found for found in world.store.holds(project.scope)}
    if hold is not None:
        holds[hold.app] = hold
    sourced = read_sources_of_secrets(world) if sourced is None else sourced
    moving = moving_apps(project.manifests, world.store.snapshot(project.scope)) if moving is None else moving
    inputs = DesiredInputs(
        manifests=moving.manifests,
        catalog=project.catalog,
        sources=read_sources(project.manifests),
        secrets={**_stored_secrets(world), **sourced.refs},
        secret_problems=sourced.problems,
        holds=holds,
        moves=moving.moves,
        followers=moving.followers,
    )
    desired, diagnostics = desired_resources(inputs)
    diagnostics += [*moving.diagnostics, *sourced.remarks]
    for region, provider in sorted(world.providers.items()):
        mine = [resource for resource in desired.values() if resource.region == region]
        if mine:
            diagnostics.extend(provider.validate(mine))
    diagnostics.extend(far_addons(desired, world.providers))
    return desired, diagnostics, inputs


Choose = Callable[[Mapping[ResourceAddress, Resource], Snapshot], Collection[str] | None]
"""Which apps are planned, told from what is wanted and what is recorded; None: nothing is."""


def plan_changes(world: World, request: PlanRequest, choose: Choose | None = None) -> Planned:
    """Plans; opens the platform only to read it. Raises StateError."""
    project = world.project
    # What is destroyed needs no value any more.
    sourced = SourcedSecrets() if request.destroy else read_sources_of_secrets(world)
    snapshot = world.store.snapshot(project.scope)
    # The regions answer while it is worked out what is wanted of them; unless it may turn out that nothing is.
    reading = begin_reading(project.scope, snapshot, world.providers) if request.refresh and choose is None else None
    moving = moving_apps(project.manifests, snapshot, back=request.back, finish=request.finish, anew=request.replaces)
    desired, diagnostics, inputs = desire(world, request.hold, sourced, moving)
    moves, bad_moves = declared_moves(project.manifests.platform, desired.keys())
    removals, bad_removals = declared_removals(project.manifests.platform, desired.keys())
    diagnostics += [*bad_moves, *bad_removals]
    if has_errors(diagnostics) and not request.destroy:
        return Planned(plan=None, diagnostics=diagnostics, snapshot=snapshot, desired=desired)
    if request.destroy:
        diagnostics = []
    if choose is not None:
        chosen = choose(desired, snapshot)
        if chosen is None:
            return Planned(plan=None, diagnostics=diagnostics, snapshot=snapshot, desired=desired, sourced=sourced)
        request = replace(request, targets=chosen)
    if reading is None and request.refresh:
        reading = begin_reading(project.scope, snapshot, world.providers)
    jurisdictions = jurisdictions_of(inputs)
    known = PlanInputs(
        scope=project.scope,
        desired=desired,
        snapshot=snapshot,
        readings={} if reading is None else reading(),
        tool_version=__version__,
        catalog_digest=project.catalog.digest,
        moves=moves,
        removals=removals,
        renaming=[region for region, provider in world.providers.items() if provider.capabilities().renames],
        jurisdictions=jurisdictions,
        reads=cache(project.reads),
    )
    plan, found = make_plan(_as_asked(known, request))
    plan, told = with_forks(world, plan, desired, snapshot, sourced, jurisdictions, ask=request.refresh)
    plan, silent = with_durations(plan, snapshot, world.providers, ask=request.refresh)
    found = [*found, *told, *silent]
    if plan.is_empty:
        # A remark about what runs is of use with a change, and noise without one.
        diagnostics = [item for item in diagnostics if item.severity is not Severity.NOTE]
    return Planned(
        plan=plan,
        diagnostics=[*diagnostics, *found, *unmarked_secrets(plan, written_positions(project.manifests))],
        snapshot=snapshot,
        desired=desired,
        hold=request.hold,
        lapsed_holds=[] if request.refresh_only else [app for app in inputs.holds if inputs.hold_of(app) is None],
        sourced=sourced,
    )


def _as_asked(inputs: PlanInputs, request: PlanRequest) -> PlanInputs:
    return replace(
        inputs,
        destroy=request.destroy,
        refresh_only=request.refresh_only,
        targets=request.targets,
        excludes=request.excludes,
        replaces=request.replaces,
        confirmed=request.confirmed,
        finishing=request.finish,
        returning=request.back,
    )


def apply_plan(
    world: World,
    planned: Planned,
    *,
    sink: EventSink,
    interruption: Interruption,
    command: str,
    parallelism: int | None = None,
) -> ApplyResult:
    """Executes the plan under the lock, and writes the history. Raises LockHeld, LeaseLost, StateError."""
    plan = planned.plan
    assert plan is not None, "only a plan without errors is applied"
    with holding_lock(world.store, world.project.scope) as lease:
        snapshot = _unmoved(world, planned)
        executed = store_sourced(plan, planned.sourced.values, world.secrets)
        if planned.hold is not None:
            # Before the first step: an interrupted rollback must go on as one.
            world.store.set_hold(lease, planned.hold)
        unfinished = world.store.begun(world.project.scope) is not None
        entry = _begin_history(world, plan, lease, command)
        tally = Tally(sink)
        tools = ApplyTools(
            store=world.store,
            secrets=world.secrets,
            providers=world.providers,
            clock=world.clock,
            sink=tally,
            interruption=interruption,
            parallelism=parallelism,
            admit=admission_of(world, planned.sourced).admit,
            history=partial(tally.so_far, entry),
        )
        result = run_plan(tools, executed, snapshot, lease)
        settle_copies(world.providers, world.clock, world.store, executed, every=unfinished)
        if result.ok:
            for app in planned.lapsed_holds:
                world.store.end_hold(lease, app)
            world.store.forget_begun(world.project.scope, entry.id)
        _end_history(world, entry, tally)
        return result


def verify_saved_plan(world: World, plan: Plan) -> Planned:
    """A saved plan against what is now. Raises StalePlan, told per touched resource."""
    fresh = plan_changes(world, PlanRequest.of(plan))
    if fresh.plan is None:
        return fresh  # its diagnostics tell what the manifests or the state have come to lack
    moved: list[str] = []
    if plan.scope != world.project.scope:
        moved.append(f"it was made for {plan.scope}, not for {world.project.scope}")
    if plan.lineage and plan.lineage != fresh.snapshot.lineage:
        moved.append("it was made from another state (its lineage differs)")
    base: Mapping[str, str] = fresh.plan.base
    for address, digest in sorted(plan.base.items()):
        if address not in base:
            moved.append(f"{address} needs no change any more, or is not declared any more")
        elif base[address] != digest:
            moved.append(f"{address} is not as it was read")
    moved += _moved_sources(plan, fresh.desired)
    moved += moved_secrets(plan, fresh.sourced)
    if moved:
        raise StalePlan(moved)
    # What an apply does is as it was reviewed; what it only writes down is as it is now.
    current = replace(plan, refreshed=fresh.plan.refreshed, settles=fresh.plan.settles)
    return replace(fresh, plan=current, lapsed_holds=())


def _moved_sources(plan: Plan, desired: Mapping[ResourceAddress, Resource]) -> list[str]:
    """Sources that are not what was reviewed any more: told before the first step, not by the build."""
    return [
        f"the source of {change.address.app} has changed"
        for change in plan.changes
        if change.address.type == "slug"
        and change.after is not None
        and change.address in desired
        and desired[change.address].attributes["source"] != change.after["source"]
    ]


def _unmoved(world: World, planned: Planned) -> Snapshot:
    """The state under the lock; refused when it is not the one that was planned from."""
    snapshot = world.store.snapshot(world.project.scope)
    before = planned.snapshot
    if snapshot.serial != before.serial or (before.lineage and snapshot.lineage != before.lineage):
        raise StalePlan([f"serial {before.serial} became {snapshot.serial}"])
    return snapshot


def _stored_secrets(world: World) -> dict[str, SecretRef]:
    # A name with @ is an output of a resource: not for manifests to name.
    return {name: ref for name, ref in world.secrets.refs().items() if not name.startswith("@")}


def _begin_history(world: World, plan: Plan, lease: Lease, command: str) -> HistoryEntry:
    now = world.clock.now()
    entry = HistoryEntry(
        id=f"{now:%Y%m%dT%H%M%S}-{lease.fence}",
        started_at=now.isoformat(timespec="seconds"),
        finished_at=None,
        actor=getpass.getuser(),
        command=command,
        outcome=RUNNING,
        plan_digest=plan.digest(),
        summary={},
        steps=len(plan.steps),
    )
    world.store.begin(lease, entry, begun_text(plan))
    return entry


def _end_history(world: World, entry: HistoryEntry, tally: Tally) -> None:
    world.store.record(
        world.project.scope,
        replace(
            entry,
            finished_at=world.clock.now().isoformat(timespec="seconds"),
            outcome=tally.outcome.value,
            summary=tally.succeeded,
            failures=tally.failures,
            under_way=tally.under_way,
        ),
    )


def unknown_address(text: str) -> Diagnostic:
    """For a `--confirm` or a state command that names no address."""
    return error(
        "bad-address", f"{text!r} is not a resource address", expected="TYPE.APP or TYPE.APP/NAME, as plans print them"
    )
