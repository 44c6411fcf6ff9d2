"""Taking the state's lock: one writer a scope, and a dead one is not waited for."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from declarative_paas.apply.executor import LEASE_TTL_S
from declarative_paas.core.address import Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.state import Lease, LockHeld, StateStore
from declarative_paas.providers.runtime import processes

RUNNING: Final = "running"
INTERRUPTED: Final = "interrupted"
"""Outcomes of a history entry: while its command holds the lock, and for good when that ended before its word."""

POLL_S: Final = 0.5
"""How often a lock that is waited for is looked at."""

_HOLDER = re.compile(r".*@(?P<host>\S+) \(process (?P<pid>\d+), started (?P<started>\d+), epoch (?P<epoch>\S+)\)")


@contextmanager
def holding_lock(store: StateStore, scope: Scope) -> Generator[Lease]:
    """The lease, released at the end. Raises LockHeld."""
    lease = take_lock(store, scope)
    try:
        for entry in store.history(scope):
            if entry.outcome == RUNNING:
                # We hold the lock, so whoever wrote this is dead.
                store.record(scope, replace(entry, outcome=INTERRUPTED))
        yield lease
    finally:
        store.release(lease)


def take_lock(store: StateStore, scope: Scope) -> Lease:
    """Raises LockHeld, but not for a process of this machine that is gone: a kill -9 leaves nothing to wait for."""
    try:
        return store.acquire(scope, holder(), LEASE_TTL_S)
    except LockHeld as held:
        if not _is_dead(held.holder):
            raise LockHeld(_shown(held.holder), held.since, held.expires) from None
        # Should it live after all, the higher fence of the next lease keeps it from writing.
        store.expire(scope, held.holder)
    return store.acquire(scope, holder(), LEASE_TTL_S)


def at_work(store: StateStore, scope: Scope) -> Lease | None:
    """The lease of somebody who works now, its holder as for people; None for a dead one's. Takes nothing.

    Raises StateError.
    """
    lease = store.lease(scope)
    if lease is None or _is_dead(lease.holder):
        return None
    return replace(lease, holder=_shown(lease.holder))


def settle_history(store: StateStore, scope: Scope) -> None:
    """Ends what a killed command left as running, unless somebody holds the lock: then it may run indeed.

    For commands that change nothing else. Raises StateError.
    """
    if any(entry.outcome == RUNNING for entry in store.history(scope)):
        with suppress(LockHeld), holding_lock(store, scope):
            pass


def await_lock(
    store: StateStore, scope: Scope, timeout_s: float, *, clock: Clock, on_wait: Callable[[LockHeld], None]
) -> None:
    """Returns as soon as nobody holds the lock. `on_wait` is told once who holds it, if anybody does.

    Raises LockHeld when it is still held after `timeout_s` seconds.
    """
    until = clock.monotonic() + timeout_s
    told = False
    while True:
        try:
            store.release(take_lock(store, scope))
        except LockHeld as held:
            left = until - clock.monotonic()
            if left <= 0:
                raise
            if not told:
                on_wait(held)
                told = True
            time.sleep(min(left, POLL_S))
        else:
            return


def holder() -> str:
    """Names this very process: for people, and so that another process here can tell whether it lives."""
    found = processes.stat(os.getpid())
    started = 0 if found is None else found.started
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()}, started {started}, epoch {_epoch()})"


def _shown(text: str) -> str:
    """The holder without what only another process can use."""
    match = _HOLDER.fullmatch(text)
    return text if match is None else f"{text.partition(' (')[0]} (process {match['pid']})"


def _epoch() -> str:
    return hashlib.sha256(processes.epoch().encode()).hexdigest()[:8]


def _is_dead(text: str) -> bool:
    match = _HOLDER.fullmatch(text)
    # Another epoch is another boot or container, perhaps another machine of the same name: its pids
    # tell nothing here, and its lock expires by itself.
    if match is None or match["host"] != socket.gethostname() or match["epoch"] != _epoch():
        return False
    return not processes.is_alive(int(match["pid"]), int(match["started"]))
