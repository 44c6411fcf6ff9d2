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
        self._ready: list[tuple[int, str]] = [
            (-self._rank[key], key) for key, count in self._waiting.items() if count == 0
        ]
        heapq.heapify(self._ready)
        self._skipped: set[str] = set()
        self._running: dict[str, int] = {}

    def _longest_paths(self, steps: Sequence[Step]) -> dict[str, int]:
        """How many steps the longest chain from each step to the end has. Steps come in a valid order."""
        rank: dict[str, int] = {}
        for step in reversed(steps):
            rank[step.id] = 1 + max((rank.get(item, 0) for item in self._dependents.get(step.id, ())), default=0)
        return rank

    def take(self, room: Callable[[Step, int], bool]) -> list[Step]:
        """Every ready step for which there is room; `room` gets how many of its region already run."""
        taken: list[Step] = []
        put_back: list[tuple[int, str]] = []
        while self._ready:
            entry = heapq.heappop(self._ready)
            step = self._steps[entry[1]]
            if room(step, self._running.get(step.region, 0)):
                self._running[step.region] = self._running.get(step.region, 0) + 1
                taken.append(step)
            else:
                put_back.append(entry)
                if len(put_back) > 64 and not taken:
                    break
        for entry in put_back:
            heapq.heappush(self._ready, entry)
        return taken

    @property
    def running(self) -> int:
        return sum(self._running.values())

    @property
    def ready(self) -> bool:
        return bool(self._ready)

    def succeed(self, step: Step) -> None:
        self._running[step.region] -= 1
        for dependent in self._dependents.get(step.id, ()):
            self._waiting[dependent] -= 1
            if self._waiting[dependent] == 0 and dependent not in self._skipped:
                heapq.heappush(self._ready, (-self._rank[dependent], dependent))

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
