"""`apply --resume`: an interrupted apply is finished, if what is left of it is still that."""

from __future__ import annotations

from dataclasses import replace

from declarative_paas.core.resource import InstanceStatus
from declarative_paas.workflow.begun import BegunPlan, check_rest, interrupted
from declarative_paas.workflow.deploy import Planned, PlanRequest, desire, plan_changes
from declarative_paas.workflow.lock import settle_history
from declarative_paas.workflow.world import World


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
    request = PlanRequest(
        destroy=begun.destroy,
        refresh_only=begun.refresh_only,
        targets=targets or (),
        excludes=[text for text in begun.excludes if any(text in (str(item), item.app) for item in known)],
        replaces=begun.still_to_replace(record.instance for record in current),
        confirmed=[address for address in begun.confirmed if address in known],
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
