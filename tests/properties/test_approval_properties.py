"""What an approval lets run: whatever is left of the approved plan, and nothing that leads anywhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from engine_case import Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from declarative_paas.core.plan import Plan
from declarative_paas.core.resource import Resource
from declarative_paas.workflow.approval import NotApproved, check_plan
from declarative_paas.workflow.deploy import Planned

PROPERTY = settings(
    max_examples=int(os.environ.get("DPAAS_EXAMPLES", "500")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def engine() -> Iterator[Engine]:
    with closing(Engine()) as found:
        yield found


def planned(world: Engine, plan: Plan, desired: list[Resource]) -> Planned:
    return Planned(
        plan=plan,
        diagnostics=[],
        snapshot=world.snapshot,
        desired={resource.address: resource for resource in desired},
    )


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_whatever_is_left_of_an_approved_plan_after_a_failure_is_approved(before, after, data):
    with engine() as world:
        confirmed = everything_confirmed(before, after)
        world.apply(world.plan(before))
        approved = world.plan(after, confirmed=confirmed)
        if approved.is_empty:
            return
        failing = data.draw(st.sampled_from(sorted({str(step.address) for step in approved.steps})))
        world.world.fail_on(failing)
        world.apply(approved)
        rest = world.plan(after, confirmed=confirmed)
        event(f"{len(rest.changes)} of {len(approved.changes)} are left")
        check_plan(approved, planned(world, rest, after), NOW)
        world.apply(rest)
        assert world.plan(after, confirmed=confirmed).is_empty


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_what_runs_on_an_approval_leads_to_what_was_approved(before, after, data):
    with engine() as world:
        other = data.draw(st.one_of(st.just(after), st.just(before), platforms()))
        confirmed = everything_confirmed(before, after, other)
        world.apply(world.plan(before))
        approved = world.plan(after, confirmed=confirmed)
        now = world.plan(other, confirmed=confirmed)
        try:
            check_plan(approved, planned(world, now, other), NOW)
        except NotApproved:
            event("refused")
            assert now.digest() != approved.digest()
            return
        event("approved")
        world.apply(now)
        assert world.plan(after, confirmed=confirmed).is_empty
