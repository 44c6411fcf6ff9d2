"""`--lock-timeout`: waiting for a lock that somebody else holds, and planning after that, not before."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from declarative_paas.core.state import LockHeld
    from declarative_paas.workflow.world import World


def once_unlocked(world: World, timeout_s: float, work: Callable[[], None], *, repeatable: bool) -> None:
    """Does the work, which plans and applies, once nobody else holds the lock.

    Of several that wait only one is next. `repeatable` work, which asked nobody, is begun anew by the others
    until the time is over. Raises LockHeld then, and StalePlan for work that cannot be repeated.
    """
    if timeout_s <= 0:
        work()
        return
    from declarative_paas.core.state import LockHeld
    from declarative_paas.workflow.lock import await_lock
    from declarative_paas.workflow.stale import StalePlan

    until = world.clock.monotonic() + timeout_s
    while True:
        left = max(0.0, until - world.clock.monotonic())
        await_lock(world.store, world.project.scope, left, clock=world.clock, on_wait=_tell)
        try:
            work()
        except (LockHeld, StalePlan):
            if not repeatable or world.clock.monotonic() >= until:
                raise
            print("Another command was faster: planning again.", file=sys.stderr)
        else:
            return


def _tell(held: LockHeld) -> None:
    since = held.since.isoformat(timespec="seconds")
    print(f"Waiting for the lock, which {held.holder} holds since {since}.", file=sys.stderr, flush=True)
