"""Two sides compared as two snapshots: what a promotion left behind, and what it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from declarative_paas.core.copy_result import Fingerprint, Verification
from declarative_paas.core.data import Part, Snapshot
from declarative_paas.transfer.crew import Crew
from declarative_paas.transfer.verify import compare

STREAMS: Final = 2
"""Of each side at once: its app is served meanwhile."""


def compared(source: Snapshot, target: Snapshot, *, cancelled: Callable[[], bool]) -> Verification:
    """What is in both, thing by thing. Raises ProviderError."""
    theirs: list[Fingerprint] = []
    ours: list[Fingerprint] = []
    jobs: list[Callable[[], None]] = []
    for check in source.checks:
        jobs += [
            partial(_collect, theirs, source.fingerprint, check),
            partial(_collect, ours, target.fingerprint, check),
        ]

    def stop() -> None:
        source.stop()
        target.stop()

    Crew(workers=2 * STREAMS, cancelled=cancelled, stop=stop).run(jobs)
    return compare(theirs, ours)


def _collect(into: list[Fingerprint], read: Callable[[Part], Sequence[Fingerprint]], check: Part) -> None:
    into.extend(read(check))
