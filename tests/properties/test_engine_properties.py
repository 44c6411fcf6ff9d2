"""What must hold of plan and apply for any manifests, on a real store and the memory platform."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager

from engine_case import Crash, Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from declarative_paas.core.event import EventKind
from declarative_paas.core.plan import Action, Operation, plan_from_json, plan_to_json
from declarative_paas.core.resource import Resource

PROPERTY = settings(
    # The whole suite takes fewer (see the Makefile): this is what `pytest tests/properties` alone runs.
    max_examples=int(os.environ.get("DPAAS_EXAMPLES", "500")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@contextmanager
def engine() -> Iterator[Engine]:
    with closing(Engine()) as found:
        yield found


def addresses(resources: list[Resource]) -> set[str]:
    return {str(resource.address) for resource in resources}


def living(world_addresses: list[str]) -> set[str]:
    """The addresses that exist on the platform, without scope and region."""
    return {name.rpartition(" ")[2] for name in world_addresses}


@PROPERTY
@given(platforms())
def test_a_plan_after_an_apply_is_empty(desired):
    with engine() as world:
        after = world.converge(desired)
        assert after.is_empty, [str(change.address) for change in after.changes]
        assert not after.drift
        assert not after.refreshed
        assert living(world.world.audit()["addresses"]) == addresses(desired)


@PROPERTY
@given(platforms(), platforms())
def test_any_platform_becomes_any_other_with_nothing_left_and_nothing_twice(first, second):
    with engine() as world:
        world.converge(first)
        after = world.converge(second, confirmed=everything_confirmed(first, second))
        audit = world.world.audit()
        assert after.is_empty, [str(change.address) for change in after.changes]
        assert living(audit["addresses"]) == addresses(second)
        assert audit["duplicates"] == []


@PROPERTY
@given(platforms(), st.randoms())
def test_the_order_of_manifests_means_nothing(desired, chance: random.Random):
    shuffled = list(desired)
    chance.shuffle(shuffled)
    with engine() as world:
        assert plan_to_json(world.plan(desired)) == plan_to_json(world.plan(shuffled))


@PROPERTY
@given(platforms(), platforms())
def test_a_plan_survives_being_saved(first, second):
    with engine() as world:
        world.converge(first)
        plan = world.plan(second)
        assert plan_from_json(plan_to_json(plan)) == plan


@PROPERTY
@given(platforms(), platforms())
def test_every_step_comes_after_those_it_waits_for_and_making_after_its_dependencies(first, second):
    with engine() as world:
        world.converge(first)
        plan = world.plan(second)
        making = (Operation.CREATE, Operation.UPDATE)
        made = {step.address: step.id for step in plan.steps if step.operation in making}
        position = {step.id: index for index, step in enumerate(plan.steps)}
        waits: dict[str, set[str]] = {}
        for step in _in_waiting_order(plan.steps):
            waits[step.id] = set(step.after).union(*(waits[needed] for needed in step.after))
        changes = {change.address: change for change in plan.changes if change.action is not Action.DELETE}
        for step in plan.steps:
            if step.operation in making:
                for dependency in changes[step.address].dependencies:
                    if dependency in made:
                        assert made[dependency] in waits[step.id]
        assert len(position) == len(plan.steps)


def _in_waiting_order(steps):
    from declarative_paas.core.graph import topological_order

    by_id = {step.id: step for step in steps}
    return [by_id[name] for name in topological_order({step.id: step.after for step in steps})]


@PROPERTY
@given(platforms())
def test_destroying_removes_everything_dependents_first(desired):
    with engine() as world:
        world.converge(desired)
        plan = world.plan(desired, destroy=True, confirmed=everything_confirmed(desired))
        world.apply(plan)
        assert world.world.audit()["things"] == 0
        order = [
            event.address
            for event in world.events
            if event.kind is EventKind.STEP_SUCCEEDED and event.address is not None
        ]
        for resource in desired:
            for dependency in resource.dependencies():
                assert order.index(resource.address) < order.index(dependency)


@PROPERTY
@given(platforms(), st.data())
def test_a_failure_skips_exactly_its_dependents_and_the_next_apply_goes_on(desired, data):
    with engine() as world:
        plan = world.plan(desired)
        broken = data.draw(st.sampled_from([step.address for step in plan.steps]))
        world.world.fail_on(str(broken))
        result = world.apply(plan)
        dependents = _dependents(desired, broken)
        skipped = {step.address for step in plan.steps if step.id in result.skipped}
        assert skipped == dependents
        assert [failure.step.address for failure in result.failures] == [broken]
        done = addresses(desired) - {str(address) for address in dependents} - {str(broken)}
        assert living(world.world.audit()["addresses"]) == done
        assert world.converge(desired).is_empty


def _dependents(desired, broken):
    found = {broken}
    while True:
        more = {resource.address for resource in desired if set(resource.dependencies()) & found} - found
        if not more:
            return found - {broken}
        found |= more


@PROPERTY
@given(platforms(), platforms(), st.integers(0, 30), st.booleans())
def test_a_crash_at_any_commit_is_made_good_by_the_next_apply(first, second, at, durable):
    with engine() as world:
        world.converge(first)
        confirmed = everything_confirmed(first, second)
        try:
            world.apply(world.plan(second, confirmed=confirmed), crash_at=at, durable=durable)
            event("ended before the crash")
        except Crash:
            event("crashed")
        after = world.converge(second, confirmed=confirmed)
        audit = world.world.audit()
        assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
        assert audit["duplicates"] == []
        assert living(audit["addresses"]) == addresses(second)
        assert not world.store.snapshot(after.scope).intents


@PROPERTY
@given(platforms(), st.data())
def test_what_was_lost_or_changed_outside_is_named_and_repaired(desired, data):
    with engine() as world:
        world.converge(desired)
        victim = data.draw(st.sampled_from(sorted(addresses(desired))))
        if data.draw(st.booleans()):
            world.world.lose(victim)
        else:
            world.world.damage(victim, "broken by hand")
        drift = world.plan(desired).drift
        assert victim in [str(item.address) for item in drift]
        assert world.converge(desired).is_empty


@PROPERTY
@given(platforms(), platforms())
def test_an_unreachable_platform_is_never_changed_by_a_plan(first, second):
    assume(addresses(first) != addresses(second))
    with engine() as world:
        world.converge(first)
        world.world.set_unreachable("the network is down")
        plan = world.plan(second)
        assert plan.count(Action.DELETE, Action.REPLACE, Action.FORGET) == 0
        world.world.set_unreachable("")
        assert living(world.world.audit()["addresses"]) == addresses(first)


@PROPERTY
@given(platforms())
def test_what_others_made_is_never_deleted(desired):
    with engine() as world:
        world.world.put("other/default/main@us", "app.theirs", "x", "k", {"name": "theirs"})
        world.converge(desired)
        plan = world.plan(desired, destroy=True, confirmed=everything_confirmed(desired))
        world.apply(plan)
        assert living(world.world.audit()["addresses"]) == {"app.theirs"}


@PROPERTY
@given(platforms())
def test_no_secret_value_reaches_plan_state_or_events(desired):
    with engine() as world:
        world.converge(desired)
        urls = [
            thing.outputs["url"]["$sensitive"]
            for (_, address, _), thing in world.world._things.items()
            if address.startswith("addon.")
        ]
        plan = world.plan(desired, destroy=True)
        shown = str(plan_to_json(plan)) + str([event.to_json() for event in world.events])
        stored = world.store.path.read_bytes() + world.store.path.with_name("state.db-wal").read_bytes()
        for url in urls:
            assert url not in shown
            assert url.encode() not in stored
