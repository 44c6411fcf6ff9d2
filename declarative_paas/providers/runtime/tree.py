"""Signals to every process of a dyno, and nothing of it left alive."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.runtime.environment import MARKER


def signal_all(leader: int, number: int) -> None:
    """To the dyno's process group and to each process that left it. We must be their subreaper."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
    # One that set up a group of its own missed the first signal; one still in the group had it.
    for pid in processes.descendants(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != leader:
                os.kill(pid, number)


def kill_all(leader: int) -> None:
    """SIGKILL until none is left: a process may fork while its siblings are being killed."""
    for _ in range(50):
        signal_all(leader, signal.SIGKILL)
        if not processes.descendants(os.getpid()):
            return
        time.sleep(0.01)


def kill_leftovers(identifier: str) -> int:
    """Kills what a killed runner left of the dyno with this id; returns how many processes there were.

    The kernel killed the command itself with its runner; these are the processes that it had started.
    They are known by the marker in their environment, which children inherit.
    """
    marker = f"{MARKER}={identifier}".encode()
    killed: set[int] = set()
    for _ in range(50):
        found = [
            one.pid
            for one in processes.all_stats()
            if one.pid != os.getpid() and not one.is_zombie and marker in processes.environment(one.pid)
        ]
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        time.sleep(0.01)
    return len(killed)
