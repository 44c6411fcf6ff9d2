"""What no app needs any more, found and removed while nobody applies."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from declarative_paas.core.provider import Leftover, ProviderError, Reach
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLeftovers:
    """Of one region; `problem` says why they could not be read."""

    region: str
    items: Sequence[Leftover]
    problem: str | None = None


@contextmanager
def nobody_applies(world: World) -> Generator[None]:
    """The locks of all scopes of the state: other environments have things in the same regions. Raises LockHeld."""
    scopes = {world.project.scope, *world.store.scopes()}
    with ExitStack() as held:
        for scope in sorted(scopes):
            held.enter_context(holding_lock(world.store, scope))
        yield


def find_leftovers(reaches: Mapping[str, Reach]) -> list[RegionLeftovers]:
    """Of every region that has any, or could not be asked, by name."""
    found: list[RegionLeftovers] = []
    for name, reach in sorted(reaches.items()):
        try:
            items = reach.leftovers()
        except ProviderError as problem:
            found.append(RegionLeftovers(region=name, items=(), problem=problem.summary))
        else:
            found.append(RegionLeftovers(region=name, items=items))
    return [region for region in found if region.items or region.problem]


def clear_leftovers(reaches: Mapping[str, Reach], found: Sequence[RegionLeftovers]) -> list[tuple[str, str]]:
    """(region, what could not be removed and why)."""
    problems: list[tuple[str, str]] = []
    for region in found:
        try:
            problems += [(region.region, problem) for problem in reaches[region.region].clear(region.items)]
        except ProviderError as problem:
            problems.append((region.region, problem.summary))
    return problems
