"""Which step may run next: dependencies first, the longest remaining path first. No I/O, no threads."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence

from declarative_paas.core.plan import Step


class Schedule:
    """The state of one walk over a plan's steps."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps: Mapping[str, Step] = {step.id: step for step in steps}
        self._waiting = {step.id: sum(needed in self._steps for needed in step.after) for step in steps}
        self._dependents: dict[str, list[str]] = {}
        for step in steps:
            for needed in step.after:
                if needed in self._steps:
                    self._dependents.setdefault(needed, []).append(step.id)
        self._rank = self._longest_paths(steps)
        # One heap a region: where a region is full, its thousands of ready steps must not be looked at.
        self._ready: dict[str, list[tuple[int, str]]] = {}
        for key, count in self._waiting.items():
            if count == 0:
                self._make_ready(key)
        self._skipped: set[str] = set()
        self._running: dict[str, int] = {}

    def _longest_paths(self, steps: Sequence[Step]) -> dict[str, int]:
        """How many steps the longest chain from each step to the end has. Steps come in a valid order."""
        rank: dict[str, int] = {}
        for step in reversed(steps):
            rank[step.id] = 1 + max((rank.get(item, 0) for item in self._dependents.get(step.id, ())), default=0)
        return rank

    def _make_ready(self, key: str) -> None:
        heapq.heappush(self._ready.setdefault(self._steps[key].region, []), (-self._rank[key], key))

    def take(self, limit: Callable[[str], int]) -> list[Step]:
        """Every ready step for which there is room; `limit` is how many steps of a region may run at once."""
        taken: list[Step] = []
        for region, ready in sorted(self._ready.items()):
            room = limit(region) - self._running.get(region, 0)
            for _ in range(min(room, len(ready))):
                taken.append(self._steps[heapq.heappop(ready)[1]])
                self._running[region] = self._running.get(region, 0) + 1
        return taken

    @property
    def running(self) -> int:
        return sum(self._running.values())

    @property
    def ready(self) -> bool:
        return any(self._ready.values())

    def succeed(self, step: Step) -> None:
        self._running[step.region] -= 1
        for dependent in self._dependents.get(step.id, ()):
            self._waiting[dependent] -= 1
            if self._waiting[dependent] == 0 and dependent not in self._skipped:
                self._make_ready(dependent)

    def fail(self, step: Step) -> list[Step]:
        """The steps that can no longer run because of this one, each told once."""
        self._running[step.region] -= 1
        skipped: list[Step] = []
        open_ends = list(self._dependents.get(step.id, ()))
        while open_ends:
            key = open_ends.pop()
            if key in self._skipped:
                continue
            self._skipped.add(key)
            skipped.append(self._steps[key])
            open_ends.extend(self._dependents.get(key, ()))
        return sorted(skipped, key=lambda item: item.id)
