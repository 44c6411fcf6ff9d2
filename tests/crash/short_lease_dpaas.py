"""`dpaas` whose lock is short, and which stops itself (SIGSTOP) just before its n-th write to the state.

`python short_lease_dpaas.py SECONDS AT ARGUMENTS…`. Before a write, because a process that is stopped within one
keeps the whole file busy; others are then told that, and nothing else can be.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from watched_dpaas import Watch, run_watched

from declarative_paas.apply import executor
from declarative_paas.workflow import lock


class StoppingWatch(Watch):
    """Goes on after the SIGCONT."""

    def reached(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


def main() -> NoReturn:
    executor.LEASE_TTL_S = lock.LEASE_TTL_S = float(sys.argv[1])  # type: ignore[misc]
    run_watched(StoppingWatch(int(sys.argv[2]), "before"), sys.argv[3:])


if __name__ == "__main__":
    main()
