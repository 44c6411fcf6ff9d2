"""Taking the state's lock: one writer a scope, and a dead one is not waited for."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager

from declarative_paas.apply.executor import LEASE_TTL_S
from declarative_paas.core.address import Scope
from declarative_paas.core.state import Lease, LockHeld, StateStore
from declarative_paas.providers.runtime import processes

_HOLDER = re.compile(r".*@(?P<host>\S+) \(process (?P<pid>\d+), started (?P<started>\d+), epoch (?P<epoch>\S+)\)")


@contextmanager
def holding_lock(store: StateStore, scope: Scope) -> Generator[Lease]:
    """The lease, released at the end. Raises LockHeld."""
    lease = take_lock(store, scope)
    try:
        yield lease
    finally:
        store.release(lease)


def take_lock(store: StateStore, scope: Scope) -> Lease:
    """Raises LockHeld, but not for a process of this machine that is gone: a kill -9 leaves nothing to wait for."""
    try:
        return store.acquire(scope, holder(), LEASE_TTL_S)
    except LockHeld as held:
        if not _is_dead(held.holder):
            raise
        # Should it live after all, the higher fence of the next lease keeps it from writing.
        store.expire(scope, held.holder)
    return store.acquire(scope, holder(), LEASE_TTL_S)


def holder() -> str:
    """Names this very process: for people, and so that another process here can tell whether it lives."""
    found = processes.stat(os.getpid())
    started = 0 if found is None else found.started
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()}, started {started}, epoch {_epoch()})"


def _epoch() -> str:
    return hashlib.sha256(processes.epoch().encode()).hexdigest()[:8]


def _is_dead(text: str) -> bool:
    match = _HOLDER.fullmatch(text)
    # Another epoch is another boot or container, perhaps another machine of the same name: its pids
    # tell nothing here, and its lock expires by itself.
    if match is None or match["host"] != socket.gethostname() or match["epoch"] != _epoch():
        return False
    return not processes.is_alive(int(match["pid"]), int(match["started"]))
