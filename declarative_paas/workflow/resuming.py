"""`apply --resume`: an interrupted apply is finished, if what is left of it is still that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from declarative_paas.core.plan import Plan
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.core.state import LockHeld
from declarative_paas.workflow.begun import BegunPlan, check_rest, interrupted
from declarative_paas.workflow.copies import settle_copies
from declarative_paas.workflow.deploy import Planned, PlanRequest, desire, plan_changes
from declarative_paas.workflow.lock import holding_lock, settle_history
from declarative_paas.workflow.moving_regions import recorded_moves
from declarative_paas.workflow.world import World


def nothing_is_left(world: World, plan: Plan) -> None:
    """What an apply does that finds nothing to do: ends what a killed one has left as under way. Raises StateError."""
    scope = world.project.scope
    settle_history(world.store, scope)
    kept = world.store.begun(scope)
    if kept is None:
        return
    with suppress(LockHeld), holding_lock(world.store, scope):
        settle_copies(world.providers, world.clock, world.store, plan, every=True)
        world.store.forget_begun(scope, kept.entry)


def plan_the_rest(world: World) -> Planned:
    """The rest of the interrupted apply: what the journal says was under way, and what it had not come to.

    Planned anew, so that what was done already is seen; with what was asked for then, what was confirmed
    then, and the replacements that it had not come to. Raises StalePlan when that is not all there is to do.
    """
    project = world.project
    settle_history(world.store, project.scope)
    begun = interrupted(world.store, project.scope)
    snapshot = world.store.snapshot(project.scope)
    if not isinstance(begun, BegunPlan):
        return Planned(plan=None, diagnostics=[begun], snapshot=snapshot)
    current = [record for record in snapshot.resources.values() if record.status is InstanceStatus.CURRENT]
    desired = {} if begun.destroy else desire(world)[0]
    known = desired.keys() | {record.address for record in snapshot.resources.values()}
    targets = begun.targets_left(known)
    moving = recorded_moves(snapshot)
    request = PlanRequest(
        destroy=begun.destroy,
        refresh_only=begun.refresh_only,
        targets=targets or (),
        excludes=[text for text in begun.excludes if any(text in (str(item), item.app) for item in known)],
        replaces=begun.still_to_replace(record.instance for record in current),
        confirmed=[address for address in begun.confirmed if address in known],
        back=[app for app in begun.back if app in moving],
        finish=[app for app in begun.finish if app in moving],
    )
    fresh = plan_changes(world, request)
    plan = fresh.plan
    if plan is None:
        return fresh
    if targets is None:
        # Everything it was limited to is gone: without a target the plan would be about everything else.
        plan = replace(plan, changes=(), steps=(), drift=(), refreshed=(), base={})
    check_rest(begun, plan)
    return replace(fresh, plan=plan)
