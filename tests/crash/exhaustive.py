"""Every kill point of a scenario, counted up until the command survives, by a few workers at once."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from doomed import Doomed, KillPoint, Verdict
from scenarios import Scenario

SIDES = tuple(itertools.product(("effect", "write"), ("before", "after")))


@dataclass
class Tally:
    """What a walk over kill points found."""

    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def kill_points(self) -> int:
        return len(self.verdicts)

    @property
    def converged(self) -> int:
        return sum(verdict.ok for verdict in self.verdicts)

    @property
    def orphans(self) -> int:
        return sum(len(verdict.orphans) for verdict in self.verdicts)

    @property
    def duplicates(self) -> int:
        return sum(len(verdict.duplicates) for verdict in self.verdicts)

    @property
    def bad(self) -> list[str]:
        return [str(verdict) for verdict in self.verdicts if not verdict.ok]


def walk(
    doomed: Doomed, scenario: Scenario, what: str, side: str, *, numbers: Iterable[int], parallelism: int = 1
) -> Tally:
    """The kill points of these numbers, until the command is not killed any more."""
    tally = Tally()
    expected = doomed.expected(scenario)
    for at in numbers:
        verdict = doomed.survive(scenario, KillPoint(what=what, side=side, at=at, parallelism=parallelism), expected)
        if verdict is None:
            return tally
        tally.verdicts.append(verdict)
    raise AssertionError(f"{scenario.name}: killed {what}s have no end")


class _Numbers(Iterator[int]):
    """1, 2, 3 …, or every `stride`-th, shared by workers."""

    def __init__(self, stride: int) -> None:
        self._count = itertools.count(1, stride)
        self._lock = threading.Lock()

    def __next__(self) -> int:
        with self._lock:
            return next(self._count)


def walk_all(
    scenario: Scenario,
    what: str,
    side: str,
    *,
    parallelism: int,
    make: Callable[[], Doomed] = Doomed,
    stride: int = 1,
    workers: int | None = None,
) -> Tally:
    """All kill points of one kind, or every `stride`-th; each worker with a project and a world of its own."""
    numbers = _Numbers(stride)
    total = Tally()

    def work() -> Tally:
        doomed = make()
        try:
            return walk(doomed, scenario, what, side, numbers=numbers, parallelism=parallelism)
        finally:
            doomed.close()

    count = workers or os.cpu_count() or 2
    with ThreadPoolExecutor(count) as pool:
        for tally in [future.result() for future in [pool.submit(work) for _ in range(count)]]:
            total.verdicts += tally.verdicts
    return total
