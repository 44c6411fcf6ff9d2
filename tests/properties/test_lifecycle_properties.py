"""What must hold of exclusions, replacements, refreshes and ignored fields for any manifests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

from engine_case import Crash, Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.lifecycle import Move, Removal
from declarative_paas.core.plan import Action
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def engine() -> Iterator[Engine]:
    with closing(Engine()) as found:
        yield found


def things(world: Engine) -> dict[str, list[Any]]:
    """What the platform holds, by address: every instance with its region, attributes and number of updates."""
    found: dict[str, list[Any]] = {}
    for (scope, address, instance), thing in sorted(world.world._things.items()):
        entry = [scope, instance, copy.deepcopy(thing.attributes), thing.updates]
        found.setdefault(address, []).append(entry)
    return found


def drawn(data, choices, **sizes):
    return data.draw(st.lists(st.sampled_from(sorted(choices)), unique=True, **sizes))


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_an_exclusion_leaves_what_it_names_untouched_and_the_rest_converges(first, second, data):
    texts = {str(resource.address) for resource in [*first, *second]}
    texts |= {resource.address.app for resource in [*first, *second]}
    excludes = drawn(data, texts, min_size=1, max_size=4)
    confirmed = everything_confirmed(first, second)
    with engine() as world:
        world.converge(first)
        before = things(world)
        after = world.converge(second, excludes=excludes, confirmed=confirmed)
        assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
        now = things(world)
        for address in before.keys() | now.keys():
            if address in excludes or address.partition(".")[2].partition("/")[0] in excludes:
                assert before.get(address) == now.get(address)
        assert world.converge(second, confirmed=confirmed).is_empty
        assert set(things(world)) == {str(resource.address) for resource in second}
        assert world.world.audit()["duplicates"] == []


@PROPERTY
@given(platforms(), st.data())
def test_a_replacement_makes_a_new_instance_of_what_it_names_and_a_plan_after_it_is_empty(desired, data):
    replaces = data.draw(st.lists(st.sampled_from([resource.address for resource in desired]), unique=True, min_size=1))
    with engine() as world:
        world.converge(desired)
        before = things(world)
        world.apply(world.plan(desired, replaces=replaces, confirmed=everything_confirmed(desired)))
        now = things(world)
        for address in replaces:
            [[_, old, *_]], [[_, new, *_]] = before[str(address)], now[str(address)]
            assert old != new
        assert world.plan(desired).is_empty
        assert set(now) == set(before)


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_a_refresh_changes_no_platform_and_leaves_no_drift(first, second, data):
    with engine() as world:
        world.converge(first)
        addresses = sorted(str(resource.address) for resource in first)
        for address in drawn(data, addresses, max_size=3):
            if data.draw(st.booleans()):
                world.world.lose(address)
            else:
                world.world.damage(address, attributes={"vars": {"A": "by hand", "THEIRS": "x"}, "name": "by hand"})
        before = things(world)
        planned = world.plan(second)
        refresh = world.plan(second, refresh_only=True)
        assert refresh.count(*Action) == refresh.count(Action.FORGET)
        assert world.apply(refresh).ok
        assert things(world) == before
        after = world.plan(second, refresh_only=True)
        assert after.is_empty
        assert not after.refreshed
        assert not after.drift
        changed = {change.address: change.action for change in world.plan(second).changes}
        forgotten = {change.address for change in refresh.changes}
        wanted = {resource.address for resource in second}
        assert changed == {
            change.address: change.action
            for change in planned.changes
            if change.address not in forgotten or change.address in wanted
        }


IGNORABLE = {
    "app": ["maintenance"],
    "config": ["vars.A", "vars.B", "vars.THEIRS"],
    "formation": ["processes.web.quantity", "processes.web.size"],
    "addon": ["plan"],
}
OUTSIDE = {
    "maintenance": {"maintenance": True},
    "vars.A": {"vars": {"A": "by hand"}},
    "vars.B": {"vars": {}},
    "vars.THEIRS": {"vars": {"THEIRS": "x"}},
    "processes.web.quantity": {"processes": {"web": {"quantity": 9, "size": "standard-1x", "command": "run"}}},
    "processes.web.size": {"processes": {"web": {"quantity": 1, "size": "performance-l", "command": "run"}}},
    "plan": {"plan": "huge"},
}


def ignoring(data, resources: list[Resource]) -> list[Resource]:
    """The resources, each ignoring some of what can be ignored of its type."""
    found: list[Resource] = []
    for resource in resources:
        choices = IGNORABLE.get(resource.address.type, ())
        paths = drawn(data, choices) if choices else []
        found.append(replace(resource, ignored=tuple(paths)))
    return found


def value_at(attributes: Any, path: str) -> Any:
    for part in path.split("."):
        if part not in attributes:
            return None
        attributes = attributes[part]
    return attributes


@PROPERTY
@given(platforms(), st.data())
def test_ignored_values_are_never_changed_and_a_second_plan_is_empty(desired, data):
    wanted = ignoring(data, desired)
    with engine() as world:
        world.converge(desired)
        for resource in wanted:
            for path in resource.ignored:
                if data.draw(st.booleans()):
                    world.world.damage(str(resource.address), attributes=copy.deepcopy(OUTSIDE[path]))
        before = things(world)
        # Everything else may change too, but for the region: what is made anew elsewhere is another thing.
        second = [
            replace(resource, attributes={**resource.attributes, "source": "s9"})
            if resource.address.type == "slug"
            else resource
            for resource in wanted
        ]
        after = world.converge(second)
        assert after.is_empty, [(str(change.address), change.fields) for change in after.changes]
        assert not after.drift
        assert not after.refreshed
        now = things(world)
        for resource in wanted:
            [[*_, old, _]], [[*_, new, _]] = before[str(resource.address)], now[str(resource.address)]
            for path in resource.ignored:
                assert value_at(new, path) == value_at(old, path), (resource.address, path)


NEW_NAME = "ab-nine"


def renamed(resources: list[Resource], old: str) -> list[Resource]:
    """The same manifests with one app called otherwise."""

    def value(item: Any) -> Any:
        if isinstance(item, Reference):
            return Reference(address(item.address), item.attribute)
        if isinstance(item, dict):
            return {key: value(inner) for key, inner in item.items()}
        return NEW_NAME if item == old else item

    def address(item: ResourceAddress) -> ResourceAddress:
        return ResourceAddress(item.type, NEW_NAME, item.name) if item.app == old else item

    return [
        replace(
            resource,
            address=address(resource.address),
            attributes=value(resource.attributes),
            after=tuple(address(item) for item in resource.after),
        )
        for resource in resources
    ]


@PROPERTY
@given(platforms(), platforms(), st.data(), st.integers(0, 30), st.booleans())
def test_a_moved_app_keeps_its_things_even_when_the_apply_crashes(first, second, data, at, durable):
    old = data.draw(st.sampled_from(sorted({resource.address.app for resource in second})))
    wanted = renamed(second, old)
    move = Move(old=ResourceAddress("app", old), new=ResourceAddress("app", NEW_NAME))
    options: dict[str, Any] = {"moves": [move], "renaming": ["us", "eu"]}
    options["confirmed"] = everything_confirmed(first, wanted)
    with engine() as world:
        world.converge(first)
        before = {address.replace(f".{old}", f".{NEW_NAME}"): found for address, found in things(world).items()}
        with suppress(Crash):
            world.apply(world.plan(wanted, **options), crash_at=at, durable=durable)
        after = world.converge(wanted, **options)
        assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
        assert not after.refreshed
        now = things(world)
        assert set(now) == {str(resource.address) for resource in wanted}
        assert world.world.audit()["duplicates"] == []
        assert not world.store.snapshot(after.scope).intents
        regions = {str(resource.address): resource.region for resource in wanted}
        for address, [[scope, instance, *_]] in before.items():
            if address in now and scope.endswith(f"@{regions[address]}"):
                assert now[address][0][1] == instance
        assert world.plan(wanted).is_empty


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_what_is_let_go_stays_on_the_platform_and_is_never_touched_again(first, second, data):
    gone = sorted({resource.address for resource in first} - {resource.address for resource in second})
    kept = data.draw(st.lists(st.sampled_from(gone), unique=True)) if gone else []
    options = {"removals": [Removal(address=address, destroy=False) for address in kept]}
    confirmed = everything_confirmed(first, second)
    with engine() as world:
        world.converge(first)
        before = things(world)
        after = world.converge(second, confirmed=confirmed, **options)
        assert after.is_empty
        let_go = {str(address) for address in gone if any(item.keeps(address) for item in options["removals"])}
        now = things(world)
        assert set(now) == {str(resource.address) for resource in second} | let_go
        assert {address: now[address] for address in let_go} == {address: before[address] for address in let_go}
        world.apply(world.plan(second, destroy=True, confirmed=confirmed))
        assert set(things(world)) == let_go


def test_who_uses_a_moved_add_on_that_changes_too_is_not_touched():
    """Its address is part of the name that its url is stored under; the url is still the same."""

    def parts(alias: str, plan: str) -> list[Resource]:
        app, addon = ResourceAddress("app", "shop"), ResourceAddress("addon", "shop", alias)
        return [
            Resource(address=app, region="us", attributes={"name": "shop"}),
            Resource(address=addon, region="us", attributes={"service": "postgres", "plan": plan}, after=(app,)),
            Resource(
                address=ResourceAddress("attachment", "shop", "DB"),
                region="us",
                attributes={"addon": Reference(addon, "id"), "vars": {"DB_URL": Reference(addon, "url")}},
            ),
        ]

    move = Move(old=ResourceAddress("addon", "shop", "OLD"), new=ResourceAddress("addon", "shop", "NEW"))
    with engine() as world:
        world.converge(parts("OLD", "mini"))
        plan = world.plan(parts("NEW", "big"), moves=[move], renaming=["us"])
        assert [step.id.partition("#")[0] for step in plan.steps] == ["rename:addon.shop/NEW", "update:addon.shop/NEW"]
        world.apply(plan)
        after = world.plan(parts("NEW", "big"))
        assert after.is_empty
        assert not after.refreshed
