"""The parts of a switch: bring servers up unseen, stop requests to the old ones, wait for their last one."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from declarative_paas.providers.router import live
from declarative_paas.providers.router.control import Master, Worker
from declarative_paas.providers.router.errors import (
    RouteConflictError,
    RouterNotRunningError,
    ServersNotUpError,
    WorkerGoneError,
)
from declarative_paas.providers.router.names import Place, places, slot_of, table_places
from declarative_paas.providers.router.routes import Route, RouteTable, Server
from declarative_paas.providers.router.settings import Checks
from declarative_paas.providers.router.store import TableStore

POLL_S = 0.02
ACCEPT_TIMEOUT_S = 0.1
FORCED_REMOVAL_S = 2.0
# A worker's thread may have chosen a server an instant before the server was told to drain, and count the
# request an instant after we looked: only idle twice in a row is idle.
IDLE_LOOKS = 2

Workers = Callable[[], tuple[Worker, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainedServer:
    """A server that is out of the router. `sessions_left` were cut off when it had not drained in time."""

    name: str
    drained: bool
    sessions_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    servers: tuple[DrainedServer, ...] = ()

    @property
    def all_drained(self) -> bool:
        return all(server.drained for server in self.servers)


def hand_over_all(workers: Iterable[Worker]) -> None:
    """Old workers choose no more servers. They may end at any moment, which is as good."""
    for worker in workers:
        if not worker.is_current:
            with suppress(WorkerGoneError):
                live.hand_over(worker)


def known_route(table: RouteTable, app: str) -> Route:
    """Raises RouteConflictError when the app has no route."""
    if app not in table.routes:
        raise RouteConflictError(f"{app} has no route to switch")
    return table.routes[app]


def servers_of_slot(current: Worker, slot: int) -> tuple[Place, ...]:
    """Every server in the slot: also those a killed switch has left behind."""
    return tuple(sorted(place for place in live.read_servers(current) if slot_of(place.backend) == slot))


def new_places(table: RouteTable, route: Route) -> dict[Place, Server]:
    """The servers of `route` that do not serve yet. Raises RouteConflictError when the app has no route."""
    slot = table.slots[known_route(table, route.app).app]
    serving = table_places(table)
    return {place: server for place, server in places(route, slot).items() if place not in serving}


def wait_up(
    master: Master,
    lock_table: Callable[[], AbstractContextManager[None]],
    app: str,
    new: Mapping[Place, Server],
    checks: Checks,
    timeout_s: float,
) -> None:
    """Adds the servers, checked but without requests, and returns once each has passed a check.

    Raises ServersNotUpError after `timeout_s`, RouterNotRunningError.
    """
    deadline = time.monotonic() + timeout_s
    unproven: set[Place] = set(new)
    # HAProxy's first check comes only after its fast interval. Where a connection is all that it asks for, one of ours
    # tells the same at once.
    accepting = {place for place, server in new.items() if server.check_path is None and _accepts(server)}
    while unproven:
        # Each look under the lock: while another app's deploy reloads the router, nobody answers.
        with lock_table():
            current = master.workers()[0]
            unproven = _look(current, new, unproven, accepting, checks)
            if unproven and time.monotonic() > deadline:
                raise ServersNotUpError(app, _last_checks(current, unproven))
        if unproven:
            time.sleep(POLL_S)


def _accepts(server: Server) -> bool:
    try:
        socket.create_connection((server.address, server.port), ACCEPT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _look(
    current: Worker, new: Mapping[Place, Server], unproven: set[Place], accepting: set[Place], checks: Checks
) -> set[Place]:
    """Which servers have still to pass a check; adds those that the worker lacks."""
    present = live.read_servers(current)
    if any(place not in present or present[place].admin != "drain" for place in new):
        # The first look; or the first after a reload, whose config cannot know our servers yet; or a
        # rollback to servers that are just being taken away.
        live.ensure_servers(current, new, checks, state="drain")
        return unproven
    proven = {place for place in unproven if present[place].has_passed or place in accepting}
    return {place for place in unproven if not (place in proven and present[place].is_up)}


def _last_checks(worker: Worker, unproven: Iterable[Place]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for place in unproven:
        load = live.read_load(worker, place.backend).get(place)
        reasons[place.server_name] = load.last_check if load else "not in the router"
    return reasons


def retire(workers: Workers, store: TableStore, old: tuple[Place, ...], timeout_s: float) -> DrainReport:
    """Removes each server when its last request has ended; after `timeout_s` cuts off what is left.

    Takes the table's lock only for each look and each removal, so other apps switch meanwhile.
    """
    deadline = time.monotonic() + timeout_s
    idle_looks: Counter[Place] = Counter()
    drained: set[Place] = set()
    sessions: Counter[Place] = Counter()
    while True:
        # A router that dies under our eyes has no sessions left; the next look tells.
        with suppress(RouterNotRunningError):
            with store.lock_table():
                sessions = _sessions(workers(), old)
            for place in old:
                idle_looks[place] = 0 if sessions[place] else idle_looks[place] + 1
                if place not in drained and idle_looks[place] >= IDLE_LOOKS and _remove(workers, store, place):
                    drained.add(place)
        if len(drained) == len(old) or time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    for place in old:
        if place not in drained:
            _cut_off(workers, store, place)
    return DrainReport(
        servers=tuple(
            DrainedServer(
                name=place.server_name,
                drained=place in drained,
                sessions_left=0 if place in drained else sessions[place],
            )
            for place in old
        )
    )


def _sessions(workers: Iterable[Worker], old: Iterable[Place]) -> Counter[Place]:
    """Requests under way, in all workers: a reload leaves those it finds to the old one."""
    total: Counter[Place] = Counter()
    backends = sorted({place.backend for place in old})
    for worker in workers:
        with suppress(WorkerGoneError):
            for backend in backends:
                for place, load in live.read_load(worker, backend).items():
                    total[place] += load.sessions
    return total


def _remove(workers: Workers, store: TableStore, place: Place, *, by_force: bool = False) -> bool:
    with store.lock_table():
        # A later switch may have brought the same dyno back (a rollback): then it stays.
        if place in table_places(store.load()):
            return True
        return all(live.remove_server(worker, place, by_force=by_force) for worker in workers() if worker.is_current)


def _cut_off(workers: Workers, store: TableStore, place: Place) -> None:
    """A server that will not even go now stays in maintenance; the app's next switch takes it away."""
    deadline = time.monotonic() + FORCED_REMOVAL_S
    while time.monotonic() < deadline:
        with suppress(RouterNotRunningError):
            if _remove(workers, store, place, by_force=True):
                break
        time.sleep(POLL_S)
