"""What must hold of exclusions, replacements, refreshes and ignored fields for any manifests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from engine_case import Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarative_paas.core.plan import Action
from declarative_paas.core.resource import Resource

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
