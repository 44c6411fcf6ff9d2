"""What must hold of create-before-destroy and of triggers, for any manifests: order, no circle, convergence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

from engine_case import SCOPE, Crash, Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.event import EventKind
from declarative_paas.core.graph import find_cycle
from declarative_paas.core.plan import Action, Operation, Plan
from declarative_paas.core.resource import InstanceStatus, Resource
from declarative_paas.core.resource_type import RESOURCE_TYPES, ResourceType
from declarative_paas.core.values import Reference

PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
ANYTHING_TWICE: Mapping[str, ResourceType] = {
    name: replace(kind, names_unique=False) for name, kind in RESOURCE_TYPES.items()
}
"""A platform on which every name can be taken twice: so that the rule is tried on every type."""


@contextmanager
def engine() -> Iterator[Engine]:
    with closing(Engine()) as found:
        yield found


def living(world: Engine) -> list[str]:
    return sorted(name.rpartition(" ")[2] for name in world.world.audit()["addresses"])


def with_rules(
    data: st.DataObject, resources: list[Resource], *, types: set[str], always: bool = False
) -> list[Resource]:
    """Some of the resources (`always`: all) of these types make their successor first, and some are replaced
    when something below changes."""
    found: list[Resource] = []
    earlier: list[ResourceAddress] = []
    for resource in sorted(resources, key=lambda item: RESOURCE_TYPES[item.address.type].order):
        first = resource.address.type in types and (always or data.draw(st.booleans()))
        triggers: list[ResourceAddress] = []
        below = [item for item in earlier if item.app == resource.address.app]
        if resource.address.type in ("addon", "release", "formation") and below:
            triggers = data.draw(st.lists(st.sampled_from(below), unique=True, max_size=2))
        found.append(replace(resource, create_before_destroy=first, replace_triggered_by=tuple(triggers)))
        earlier.append(resource.address)
    return found


def replaced(data: st.DataObject, resources: list[Resource], *types: str) -> list[ResourceAddress]:
    """Some of the resources, of these types only if any are given."""
    choices = [item.address for item in resources if not types or item.address.type in types]
    return data.draw(st.lists(st.sampled_from(choices), unique=True, max_size=4)) if choices else []


def check_order(plan: Plan, second: list[Resource]) -> None:
    """No circle, every step after what it waits for, and the new one first exactly where that was decided."""
    waits = {step.id: step.after for step in plan.steps}
    assert find_cycle(waits) is None
    position = {step.id: index for index, step in enumerate(plan.steps)}
    assert all(position[needed] < position[step.id] for step in plan.steps for needed in step.after)
    reach: dict[str, set[str]] = {}
    for step in plan.steps:
        reach[step.id] = set(step.after).union(*(reach[needed] for needed in step.after))
    by_key = {(step.operation, step.address, step.instance): step.id for step in plan.steps}
    wanted = {resource.address: resource for resource in second}
    for change in plan.changes:
        if change.action is not Action.REPLACE or change.prior_instance is None:
            continue
        making = by_key[(Operation.CREATE, change.address, change.instance)]
        removing = by_key[(Operation.DELETE, change.address, change.prior_instance)]
        if not change.create_before_destroy:
            assert removing in reach[making]
            continue
        assert making in reach[removing]
        event("made first")
        for other in plan.changes:
            uses = other.address in wanted and change.address in wanted[other.address].dependencies()
            if uses and other.action is Action.UPDATE and not other.renames_only:
                moved = by_key[(Operation.UPDATE, other.address, other.instance)]
                assert making in reach[moved]
                assert removing not in reach[moved]


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_new_ones_come_first_wherever_names_allow_and_nothing_waits_in_a_circle(first, second, data):
    wanted = with_rules(data, second, types=set(RESOURCE_TYPES))
    with engine() as world:
        world.converge(first)
        plan = world.plan(
            wanted,
            confirmed=everything_confirmed(first, second),
            replaces=replaced(data, wanted),
            types=ANYTHING_TWICE,
        )
        check_order(plan, wanted)
        rules = {resource.address: resource for resource in wanted}
        for change in plan.changes:
            if change.action is Action.REPLACE and rules[change.address].create_before_destroy:
                assert change.create_before_destroy
            if change.create_before_destroy:
                for needed in rules[change.address].dependencies():
                    below = next((item for item in plan.changes if item.address == needed), None)
                    assert below is None or below.action is not Action.REPLACE or below.create_before_destroy


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_any_platform_becomes_any_other_with_new_ones_first(first, second, data):
    wanted = with_rules(data, second, types=set(RESOURCE_TYPES))
    options: dict[str, Any] = {"confirmed": everything_confirmed(first, second), "types": ANYTHING_TWICE}
    with engine() as world:
        world.converge(first)
        plan = world.plan(wanted, replaces=replaced(data, wanted), **options)
        assert world.apply(plan).ok
        after = world.plan(wanted, **options)
        assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
        assert not after.drift
        assert not after.refreshed
        assert living(world) == sorted(str(resource.address) for resource in second)
        assert world.world.audit()["duplicates"] == []
        records = world.store.snapshot(after.scope).resources.values()
        assert {record.status for record in records} == {InstanceStatus.CURRENT}


@PROPERTY
@given(platforms(), platforms(), st.data(), st.integers(0, 12), st.booleans())
def test_a_crash_between_the_new_one_and_the_old_one_leaves_one(first, second, data, at, durable):
    wanted = with_rules(data, second, types={"addon"}, always=True)
    replaces = replaced(data, wanted, "addon")
    assume(replaces)
    confirmed = everything_confirmed(first, second)
    with engine() as world:
        world.converge(second if data.draw(st.booleans()) else first)
        killed = world.plan(wanted, confirmed=confirmed, replaces=replaces)
        with suppress(Crash):
            world.apply(killed, crash_at=at, durable=durable)
        deposed = [
            record
            for record in world.store.snapshot(killed.scope).resources.values()
            if record.status is InstanceStatus.DEPOSED
        ]
        event("killed with a deposed one" if deposed else "killed with none")
        plan = world.plan(wanted, confirmed=confirmed)
        # Deleted, or, when the kill came after that and before its record, forgotten.
        removals = (Operation.DELETE, Operation.FORGET)
        leaving = {(step.address, step.instance) for step in plan.steps if step.operation in removals}
        assert {record.key for record in deposed} <= leaving
        check_order(plan, wanted)
        assert world.apply(plan).ok
        after = world.plan(wanted)
        assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
        assert living(world) == sorted(str(resource.address) for resource in second)
        assert world.world.audit()["duplicates"] == []
        snapshot = world.store.snapshot(after.scope)
        assert not snapshot.intents
        assert {record.status for record in snapshot.resources.values()} == {InstanceStatus.CURRENT}


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_the_old_one_is_there_until_nothing_uses_it(first, second, data):
    wanted = with_rules(data, second, types={"addon"}, always=True)
    replaces = replaced(data, wanted, "addon")
    assume(replaces)
    with engine() as world:
        world.converge(second if data.draw(st.booleans()) else first)
        plan = world.plan(wanted, confirmed=everything_confirmed(first, second), replaces=replaces)
        assert world.apply(plan).ok
        ended = [item.step_id for item in world.events if item.kind is EventKind.STEP_SUCCEEDED]
        for change in plan.changes:
            if not change.create_before_destroy:
                continue
            event("made first")
            removed = ended.index(f"delete:{change.address}#{change.prior_instance}")
            assert ended.index(f"create:{change.address}#{change.instance}") < removed
            for other in plan.changes:
                if other.action is Action.UPDATE and change.address in other.dependencies:
                    assert ended.index(f"update:{other.address}#{other.instance}") < removed


def test_an_apply_killed_at_any_commit_is_made_good_by_the_next_one():
    """All the places, for one app with two add-ons that are replaced, one on the other."""
    app = ResourceAddress("app", "shop")
    one, two = ResourceAddress("addon", "shop", "ONE"), ResourceAddress("addon", "shop", "TWO")
    uses = ResourceAddress("attachment", "shop", "TWO")

    def parts(version: str) -> list[Resource]:
        addon: dict[str, Any] = {"service": "postgres", "version": version}
        return [
            Resource(address=app, region="us", attributes={"name": "shop"}),
            Resource(address=one, region="us", attributes=addon, after=(app,), create_before_destroy=True),
            Resource(
                address=two,
                region="us",
                attributes={**addon, "below": Reference(one, "id")},
                after=(app,),
                create_before_destroy=True,
            ),
            Resource(address=uses, region="us", attributes={"addon": Reference(two, "id")}),
        ]

    confirmed, kills, deposed = [one, two], 0, 0
    for durable in (False, True):
        for at in range(100):
            with engine() as world:
                world.converge(parts("1"))
                try:
                    world.apply(world.plan(parts("2"), confirmed=confirmed), crash_at=at, durable=durable)
                    break
                except Crash:
                    kills += 1
                records = world.store.snapshot(SCOPE).resources.values()
                deposed += any(record.status is InstanceStatus.DEPOSED for record in records)
                assert world.converge(parts("2"), confirmed=confirmed).is_empty
                audit = world.world.audit()
                assert audit["duplicates"] == []
                assert living(world) == sorted(str(address) for address in (app, one, two, uses))
                statuses = {record.status for record in world.store.snapshot(SCOPE).resources.values()}
                assert statuses == {InstanceStatus.CURRENT}
    assert kills >= 10
    assert deposed >= 4
