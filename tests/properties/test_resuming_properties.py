"""What is left of a killed apply is always recognised as its rest, and is all there is to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from engine_case import SCOPE, Crash, Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from declarative_paas.core.plan import Action
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.workflow.begun import begun_of, begun_text, check_rest
from declarative_paas.workflow.stale import StalePlan

PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@contextmanager
def engine() -> Iterator[Engine]:
    with closing(Engine()) as found:
        yield found


@PROPERTY
@given(platforms(), platforms(), st.data(), st.integers(0, 20), st.booleans())
def test_the_rest_of_a_killed_apply_is_nothing_but_its_rest(first, second, data, at, durable):
    confirmed = everything_confirmed(first, second)
    replaces = data.draw(st.lists(st.sampled_from([item.address for item in second]), unique=True, max_size=2))
    with engine() as world:
        world.converge(first)
        plan = world.plan(second, confirmed=confirmed, replaces=replaces)
        kept = begun_text(plan)
        try:
            world.apply(plan, crash_at=at, durable=durable)
            event("ended before the crash")
        except Crash:
            event("crashed")
        begun = begun_of(kept)
        assert begun is not None
        assert begun.digest == plan.digest()
        records = world.store.snapshot(SCOPE).resources.values()
        current = [record.instance for record in records if record.status is InstanceStatus.CURRENT]
        left = begun.still_to_replace(current)
        rest = world.plan(second, confirmed=confirmed, replaces=left)
        check_rest(begun, rest)
        assert world.apply(rest).ok
        assert world.plan(second).is_empty
        assert world.world.audit()["duplicates"] == []
        # Also what only was asked for, and no manifest tells, has been done.
        instances = {record.address: record.instance for record in world.store.snapshot(SCOPE).resources.values()}
        for change in plan.changes:
            if change.action is Action.REPLACE:
                assert instances[change.address] != change.prior_instance


@PROPERTY
@given(platforms(), platforms(), platforms())
def test_another_plan_is_not_taken_for_the_rest(first, second, third):
    confirmed = everything_confirmed(first, second, third)
    with engine() as world:
        world.converge(first)
        plan, other = world.plan(second, confirmed=confirmed), world.plan(third, confirmed=confirmed)
        asked = {change.address: (change.action, change.region, change.after) for change in plan.changes}
        strange = [
            change
            for change in other.changes
            if asked.get(change.address, (None, None, None)) != (change.action, change.region, change.after)
            and change.address not in asked
        ]
        assume(strange)
        begun = begun_of(begun_text(plan))
        assert begun is not None
        try:
            check_rest(begun, other)
        except StalePlan as stale:
            assert len(stale.moved) >= len(strange)
            assert all(any(str(change.address) in text for text in stale.moved) for change in strange)
        else:
            raise AssertionError("it was taken for the rest")
