"""What must hold of exclusions, replacements, refreshes and ignored fields for any manifests."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from engine_case import Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarative_paas.core.plan import Action

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
