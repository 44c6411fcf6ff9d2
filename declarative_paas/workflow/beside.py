"""A plan that is made to be read while somebody else's apply runs: what that one does is no drift and no wreck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, note
from declarative_paas.core.plan import Plan
from declarative_paas.core.state import Lease, Snapshot
from declarative_paas.plan.causes import TAKEN_OVER, TRIED_AGAIN
from declarative_paas.workflow.deploy import Planned
from declarative_paas.workflow.lock import at_work
from declarative_paas.workflow.world import World

_UNDER_WAY: Final = "under way in the apply that runs now"
_IN_WORDS: Final[Mapping[str, str]] = {TAKEN_OVER: _UNDER_WAY, TRIED_AGAIN: _UNDER_WAY}


def planned_beside(world: World, make: Callable[[], Planned]) -> Planned:
    """What `make` plans, with a note when somebody held the lock before or after it. Raises what `make` raises.

    Only for what is shown: an apply settles what is journaled, and the lock tells it who is there.
    """
    store, scope = world.store, world.project.scope
    before = at_work(store, scope)
    planned = make()
    # Also after: one that has begun meanwhile may have changed what was read.
    busy = before or at_work(store, scope)
    if busy is None:
        return planned
    plan = None if planned.plan is None else _without_its_work(planned.plan, planned.snapshot)
    return replace(planned, plan=plan, diagnostics=[*planned.diagnostics, _told(busy)])


def _without_its_work(plan: Plan, snapshot: Snapshot) -> Plan:
    """What is journaled is not left behind by anybody: it is being done."""
    doing = {intent.address for intent in snapshot.intents}
    changes = [
        replace(change, causes=tuple(_IN_WORDS.get(cause, cause) for cause in change.causes)) for change in plan.changes
    ]
    drift = [item for item in plan.drift if item.address not in doing]
    return replace(plan, changes=tuple(changes), drift=tuple(drift), settles=())


def _told(busy: Lease) -> Diagnostic:
    return note(
        "apply-in-progress",
        f"{busy.holder} has held the lock since {busy.acquired.isoformat(timespec='seconds')} and still works: "
        "this plan may be out of date, and what is changed there may look as if it came from outside",
        expected="to plan again when it has ended",
    )
