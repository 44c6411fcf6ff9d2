"""What runs in a region, read once for all resources."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from declarative_paas.core.provider import InstanceKey
from declarative_paas.providers.addons.driver import AddonReading
from declarative_paas.providers.hosting.dynos import RunningDyno
from declarative_paas.providers.hosting.records import Record

ROUTER_DOWN = "router is not running"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionView:
    """`records` are those of the scope that was asked for; `dynos` by app, then by dyno id.

    `down` says why nothing of the region can serve, None when it can. `routed` has the names of the servers, by app,
    that the router is to send requests to as it knows itself; None when that cannot be told.
    """

    records: Mapping[InstanceKey, Record] = field(default_factory=dict[InstanceKey, Record])
    down: str | None = None
    dynos: Mapping[str, Mapping[str, RunningDyno]] = field(default_factory=dict[str, Mapping[str, RunningDyno]])
    addons: Mapping[str, AddonReading] = field(default_factory=dict[str, AddonReading])
    slugs: frozenset[str] = frozenset()
    router_problems: tuple[str, ...] = ()
    routed: Mapping[str, frozenset[str]] | None = None

    def route_problems(self, app: str) -> tuple[str, ...]:
        """What is wrong with the router, or with the app's place in it."""
        if self.routed is not None and app not in self.routed and ROUTER_DOWN not in self.router_problems:
            return ("router does not know it",)
        return tuple(
            problem
            for problem in self.router_problems
            if not problem.startswith("server ") and (app in problem.split() or problem == ROUTER_DOWN)
        )

    def server_problems(self, app: str, wanted: Collection[str]) -> tuple[str, ...]:
        """What is wrong with the app's dynos as the router sees them; `wanted` are the servers it should have."""
        unknown = () if self.routed is None else sorted(set(wanted) - self.routed.get(app, frozenset()))
        return tuple(f"server {name} of {app} is not known to the router" for name in unknown) + tuple(
            problem for problem in self.router_problems if problem.startswith("server ") and app in problem.split()
        )
