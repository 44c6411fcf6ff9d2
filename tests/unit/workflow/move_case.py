"""What the tests of moves between regions ask of a platform in memory, and an apply that is killed at a commit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fork_case import ForkCase

from declarative_paas.apply.executor import Interruption
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.workflow.deploy import Planned, apply_plan

ADDONS = [ResourceAddress("addon", "shop", "DATABASE"), ResourceAddress("addon", "shop", "REDIS")]
DATABASE = "addon.shop/DATABASE"


def to(case: ForkCase, region: str) -> None:
    case.apps["shop"] = {**case.apps["shop"], "region": region}


def moved(case: ForkCase) -> None:
    to(case, "eu")
    case.must_apply()


def records(case: ForkCase) -> list[ResourceState]:
    world = case.world
    return list(world.store.snapshot(world.project.scope).resources.values())


def regions(case: ForkCase, status: InstanceStatus = InstanceStatus.CURRENT) -> set[str]:
    return {item.region for item in records(case) if item.status is status} - {"transfers", "platform"}


def thing(case: ForkCase, region: str, address: str) -> dict[str, Any]:
    """The attributes that the platform itself has."""
    found = case.memory(region).read(case.scope(region))
    (attributes,) = [item["attributes"] for name, item in found.items() if name.partition("#")[0] == address]
    return dict(attributes)


def is_stopped(case: ForkCase, region: str) -> bool:
    processes = thing(case, region, "formation.shop")["processes"]
    return thing(case, region, "app.shop")["maintenance"] and all(p["quantity"] == 0 for p in processes.values())


def order(planned: Planned) -> list[str]:
    assert planned.plan is not None
    return [step.id.partition("#")[0] for step in planned.plan.steps]


class _Dying:
    """A store that dies at its n-th commit, before or after it became durable."""

    def __init__(self, store: Any, at: int, *, durable: bool) -> None:
        self._store, self._left, self._durable = store, at, durable

    def commit(self, *arguments: Any, **keywords: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            if self._durable:
                self._store.commit(*arguments, **keywords)
            raise InterruptedError
        return self._store.commit(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def killed(case: ForkCase, planned: Planned, at: int, *, durable: bool) -> bool:
    """Whether the apply was killed, at this commit, or had ended before."""
    world = case.world
    dying: Any = replace(world, store=_Dying(world.store, at, durable=durable))
    try:
        apply_plan(dying, planned, sink=lambda event: None, interruption=Interruption(), command="test")
    except InterruptedError:
        return True
    return False


def settled(case: ForkCase, here: str, there: set[str]) -> None:
    """Nothing is left to do, nothing is there twice, and everything is where it is to be."""
    after = case.plan().plan
    assert after is not None
    assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
    assert (regions(case), regions(case, InstanceStatus.RETAINED)) == ({here}, there)
    assert {item.status for item in records(case)} <= {InstanceStatus.CURRENT, InstanceStatus.RETAINED}
    for region in ("us", "eu"):
        assert case.memory(region).audit()["duplicates"] == []
