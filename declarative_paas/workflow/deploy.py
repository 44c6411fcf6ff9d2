"""The flow: manifests -> desired -> refresh -> plan -> apply. Every command that plans or applies comes by here."""

from __future__ import annotations

import getpass
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from declarative_paas import __version__
from declarative_paas.apply.executor import ApplyResult, ApplyTools, Interruption, run_plan
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
from declarative_paas.refresh.read import read_regions
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.sources import read_sources
from declarative_paas.workflow.stale import StalePlan
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What the user asked of a plan, beside the manifests."""

    destroy: bool = False
    refresh_only: bool = False
    targets: Collection[str] = ()
    excludes: Collection[str] = ()
    replaces: Collection[ResourceAddress] = ()
    confirmed: Collection[ResourceAddress] = ()
    refresh: bool = True
    hold: Hold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, what stands in its way, and the state it was made from."""

    plan: Plan | None
    diagnostics: Sequence[Diagnostic]
    snapshot: Snapshot
    desired: Mapping[ResourceAddress, Resource] = field(default_factory=dict[ResourceAddress, Resource])
    hold: Hold | None = None
    lapsed_holds: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        return self.plan is not None and not has_errors(self.diagnostics)


def desire(
    world: World, hold: Hold | None = None
) -> tuple[dict[ResourceAddress, Resource], list[Diagnostic], DesiredInputs]:
    """The desired resources, checked by the catalog and by each region's provider; reads no platform."""
    project = world.project
    holds = {found.app: found for found in world.store.holds(project.scope)}
    if hold is not None:
        holds[hold.app] = hold
    inputs = DesiredInputs(
        manifests=project.manifests,
        catalog=project.catalog,
        sources=read_sources(project.manifests),
        secrets=_stored_secrets(world),
        holds=holds,
    )
    desired, diagnostics = desired_resources(inputs)
    for region, provider in sorted(world.providers.items()):
        mine = [resource for resource in desired.values() if resource.region == region]
        if mine:
            diagnostics.extend(provider.validate(mine))
    return desired, diagnostics, inputs


def plan_changes(world: World, request: PlanRequest) -> Planned:
    """Plans; opens the platform only to read it. Raises StateError."""
    project = world.project
    desired, diagnostics, inputs = desire(world, request.hold)
    moves, bad_moves = declared_moves(project.manifests.platform, desired.keys())
    removals, bad_removals = declared_removals(project.manifests.platform, desired.keys())
    diagnostics += [*bad_moves, *bad_removals]
    snapshot = world.store.snapshot(project.scope)
    if has_errors(diagnostics) and not request.destroy:
        return Planned(plan=None, diagnostics=diagnostics, snapshot=snapshot, desired=desired)
    if request.destroy:
        diagnostics = []
    readings = read_regions(project.scope, snapshot, world.providers) if request.refresh else {}
    plan, found = make_plan(
        PlanInputs(
            scope=project.scope,
            desired=desired,
            snapshot=snapshot,
            readings=readings,
            tool_version=__version__,
            catalog_digest=project.catalog.digest,
            destroy=request.destroy,
            refresh_only=request.refresh_only,
            targets=request.targets,
            excludes=request.excludes,
            replaces=request.replaces,
            confirmed=request.confirmed,
            moves=moves,
            removals=removals,
            renaming=[region for region, provider in world.providers.items() if provider.capabilities().renames],
            jurisdictions=jurisdictions_of(inputs),
            reads=project.reads,
        )
    )
    if plan.is_empty:
        # A remark about what runs is of use with a change, and noise without one.
        diagnostics = [item for item in diagnostics if item.severity is not Severity.NOTE]
    return Planned(
        plan=plan,
        diagnostics=[*diagnostics, *found],
        snapshot=snapshot,
        desired=desired,
        hold=request.hold,
        lapsed_holds=[] if request.refresh_only else [app for app in inputs.holds if inputs.hold_of(app) is None],
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
        if planned.hold is not None:
            # Before the first step: an interrupted rollback must go on as one.
            world.store.set_hold(lease, planned.hold)
        entry = _begin_history(world, plan, lease, command)
        tools = ApplyTools(
            store=world.store,
            secrets=world.secrets,
            providers=world.providers,
            clock=world.clock,
            sink=sink,
            interruption=interruption,
            parallelism=parallelism,
        )
        result = run_plan(tools, plan, snapshot, lease)
        if result.ok:
            for app in planned.lapsed_holds:
                world.store.end_hold(lease, app)
        _end_history(world, entry, result)
        return result


def verify_saved_plan(world: World, plan: Plan) -> Planned:
    """A saved plan against what is now. Raises StalePlan, told per touched resource."""
    request = PlanRequest(
        destroy=plan.destroy,
        refresh_only=plan.refresh_only,
        targets=plan.targets,
        excludes=plan.excludes,
        replaces=plan.replaces,
        confirmed=plan.confirmed,
    )
    fresh = plan_changes(world, request)
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
    if moved:
        raise StalePlan(moved)
    # What an apply does is as it was reviewed; what it only writes down is as it is now.
    current = replace(plan, refreshed=fresh.plan.refreshed, settles=fresh.plan.settles)
    return Planned(plan=current, diagnostics=fresh.diagnostics, snapshot=fresh.snapshot, desired=fresh.desired)


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
    found: dict[str, SecretRef] = {}
    for name in world.secrets.names():
        if name.startswith("@"):
            continue  # outputs of resources: not for manifests to name
        ref = world.secrets.current(name)
        if ref is not None:
            found[name] = ref
    return found


def _begin_history(world: World, plan: Plan, lease: Lease, command: str) -> HistoryEntry:
    now = world.clock.now()
    for entry in world.store.history(world.project.scope):
        if entry.outcome == "running":
            # We hold the lock, so whoever wrote this is dead.
            world.store.record(world.project.scope, replace(entry, outcome="interrupted"))
    entry = HistoryEntry(
        id=f"{now:%Y%m%dT%H%M%S}-{lease.fence}",
        started_at=now.isoformat(timespec="seconds"),
        finished_at=None,
        actor=getpass.getuser(),
        command=command,
        outcome="running",
        plan_digest=plan.digest(),
        summary={},
    )
    world.store.record(world.project.scope, entry)
    return entry


def _end_history(world: World, entry: HistoryEntry, result: ApplyResult) -> None:
    outcome = "interrupted" if result.interrupted else "succeeded" if result.ok else "failed"
    world.store.record(
        world.project.scope,
        replace(
            entry,
            finished_at=world.clock.now().isoformat(timespec="seconds"),
            outcome=outcome,
            summary={
                operation.value: count
                for operation, count in sorted(result.succeeded.items(), key=lambda item: item[0].value)
            },
            failures=tuple(f"{failure.step.address}: {failure.error.summary}" for failure in result.failures),
        ),
    )


def unknown_address(text: str) -> Diagnostic:
    """For a `--confirm` or a state command that names no address."""
    return error(
        "bad-address", f"{text!r} is not a resource address", expected="TYPE.APP or TYPE.APP/NAME, as plans print them"
    )
