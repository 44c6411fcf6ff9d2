"""What runs in a region, read once for all resources: a constant number of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from declarative_paas.providers.addons.driver import AddonReading
from declarative_paas.providers.local.region import LocalRegion
from declarative_paas.providers.runtime.programs import ProgramStatus
from declarative_paas.providers.runtime.spec import DynoSpec, SpecError
from declarative_paas.providers.runtime.status import DynoStatus, read_status


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDyno:
    """A dyno that was started and not removed; `status` is None before its runner's first word."""

    spec: DynoSpec
    status: DynoStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionView:
    """`dynos` by app, then by dyno id; `router_problems` by app, "" for the router's own."""

    programs: Mapping[str, ProgramStatus] = field(default_factory=dict[str, ProgramStatus])
    dynos: Mapping[str, Mapping[str, RunningDyno]] = field(default_factory=dict[str, Mapping[str, RunningDyno]])
    addons: Mapping[str, AddonReading] = field(default_factory=dict[str, AddonReading])
    slugs: frozenset[str] = frozenset()
    router_problems: tuple[str, ...] = ()
    supervisor_running: bool = False

    def route_problems(self, app: str) -> tuple[str, ...]:
        """What is wrong with the router, or with the app's place in it."""
        return tuple(
            problem
            for problem in self.router_problems
            if not problem.startswith("server ") and (app in problem.split() or problem == ROUTER_DOWN)
        )

    def server_problems(self, app: str) -> tuple[str, ...]:
        """What is wrong with the app's dynos as the router sees them."""
        return tuple(
            problem for problem in self.router_problems if problem.startswith("server ") and app in problem.split()
        )


ROUTER_DOWN = "router is not running"


def list_dynos(region: LocalRegion) -> dict[str, dict[str, RunningDyno]]:
    """From the spec files: one directory listing."""
    found: dict[str, dict[str, RunningDyno]] = {}
    for path in sorted(region.dynos_directory.glob("*.json")):
        try:
            spec = DynoSpec.load(path)
        except SpecError:
            continue  # written by another version or cut short: its program shows as a problem by its absence
        found.setdefault(spec.app, {})[spec.id] = RunningDyno(spec=spec, status=read_status(spec.status))
    return found


def look(region: LocalRegion) -> RegionView:
    """Reads everything; starts and repairs nothing."""
    from declarative_paas.providers.addons.driver import read_region

    running = region.supervisor.is_running()
    return RegionView(
        supervisor_running=running,
        programs=region.supervisor.programs() if running else {},
        dynos=list_dynos(region),
        addons=read_region(region.addons),
        slugs=frozenset(region.slugs.ids()),
        router_problems=region.router.problems(),
    )
