"""A plan of what a change can have an effect on is the whole plan, for whatever that change is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from engine_case import Engine, everything_confirmed, platforms
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from declarative_paas.core.plan import Change, Plan
from declarative_paas.core.resource import Resource
from declarative_paas.plan.affected import affected_apps

PROPERTY = settings(
    max_examples=int(os.environ.get("DPAAS_EXAMPLES", "500")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@contextmanager
def engine() -> Iterator[Engine]:
    with closing(Engine()) as found:
        yield found


def by_app(resources: list[Resource]) -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for resource in resources:
        found.setdefault(resource.address.app, []).append(resource)
    return found


def touched_by(before: list[Resource], after: list[Resource]) -> set[str]:
    """What git tells of files: the apps whose own declaration is not the same."""
    old, new = by_app(before), by_app(after)
    return {app for app in old.keys() | new.keys() if old.get(app) != new.get(app)}


def affected(world: Engine, before: list[Resource], after: list[Resource]) -> list[str]:
    snapshot = world.store.snapshot(world.plan(after).scope)
    recorded = {record.address: record.dependencies for record in snapshot.resources.values()}
    wanted = {resource.address: resource.dependencies() for resource in after}
    return sorted(affected_apps(touched_by(before, after), wanted, recorded))


def told(change: Change) -> Any:
    return (change.address, change.action, change.region, change.before, change.after, change.risks)


def limited(world: Engine, after: list[Resource], apps: list[str], confirmed: Any) -> Plan:
    return world.plan(after, targets=apps, confirmed=confirmed)


@PROPERTY
@given(platforms(), platforms())
def test_on_a_platform_that_is_as_it_was_declared_it_is_the_whole_plan(before, after):
    with engine() as world:
        world.apply(world.plan(before))
        confirmed = everything_confirmed(before, after)
        whole = world.plan(after, confirmed=confirmed)
        apps = affected(world, before, after)
        event(f"{len(apps)} of {len(by_app(after))} apps are affected")
        if not apps:
            assert whole.is_empty
            return
        part = limited(world, after, apps, confirmed)
        assert part.digest() == whole.digest()
        assert list(map(told, part.changes)) == list(map(told, whole.changes))
        assert part.steps == whole.steps


@PROPERTY
@given(platforms(), platforms(), st.data())
def test_on_any_platform_it_is_the_whole_plan_limited_to_what_is_affected_and_what_that_stands_on(before, after, data):
    with engine() as world:
        world.apply(world.plan(before))
        things = sorted({key.partition("#")[0] for key in world.world.read("acme/default/main@us")})
        for address in data.draw(st.lists(st.sampled_from(things), unique=True, max_size=2)) if things else ():
            world.world.lose(address)
        confirmed = everything_confirmed(before, after)
        whole = world.plan(after, confirmed=confirmed)
        apps = affected(world, before, after)
        if not apps:
            return
        part = limited(world, after, apps, confirmed)
        chosen = {change.address for change in part.changes}
        assert list(map(told, part.changes)) == [told(item) for item in whole.changes if item.address in chosen]
        missing = {item.address.app for item in whole.changes if item.address not in chosen}
        assert missing.isdisjoint(apps), "whatever is to be done in an affected app is in it"
