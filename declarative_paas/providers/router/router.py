"""The region's router: desired routes in, HAProxy told, without a failed request."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from declarative_paas.providers.router import drift, live, switching
from declarative_paas.providers.router.control import Master, Worker
from declarative_paas.providers.router.errors import RouteConflictError, RouterError, RouterNotRunningError
from declarative_paas.providers.router.maps import render_maps
from declarative_paas.providers.router.names import Place, places, table_places
from declarative_paas.providers.router.routes import Route, RouteTable, Server
from declarative_paas.providers.router.settings import RouterSettings
from declarative_paas.providers.router.store import TableStore
from declarative_paas.providers.router.switching import DrainReport

RELOAD_TIMEOUT_S = 30.0
RETURN_TIMEOUT_S = 3.0
"""A known server whose dyno was started again is up after two checks; one that is down for good is told as such."""
POLL_S = 0.02


class Router:
    """One HAProxy and its route table; holds nothing but its settings. Safe from several threads and processes at once.

    The program itself is run by a supervisor: `prepare`, then run `command()`, then `wait_ready`. Routes
    may be set while it is stopped: it starts with them.
    Every method raises RouterBusyError when another process holds the table for a minute.
    """

    def __init__(self, settings: RouterSettings) -> None:
        self._settings = _with_group(settings)
        self._master = Master(settings.socket)
        self._store = TableStore(self._settings)

    def prepare(self) -> None:
        """Writes all that HAProxy reads at start, from routes.json if there is one. Changes no running router."""
        self._settings.run_directory.mkdir(parents=True, exist_ok=True)
        with self._store.lock_table():
            table = self._store.load()
            if not self._running_workers():
                table = table.grown(self._settings.spare_slots)
            self._store.save_pages()
            self._store.save(table)

    def command(self) -> list[str]:
        """The program to run: stays in the foreground, ends on SIGTERM, drops to the settings' user."""
        socket_option = f"{self._settings.socket},mode,600"
        return [str(self._settings.binary), "-W", "-S", socket_option, "-f", str(self._settings.config_file)]

    def is_running(self) -> bool:
        if not self._settings.config_file.exists():
            return False
        with self._store.lock_table():
            return bool(self._running_workers())

    def wait_ready(self, timeout_s: float) -> None:
        """Returns as soon as the router answers. Raises RouterNotRunningError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._master.workers()[0].ask("show version")
                return
            except RouterNotRunningError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)

    def set_route(self, app: str, hosts: tuple[str, ...], app_port: int | None, maintenance: bool = False) -> None:
        """Adds an app's route, or changes its hosts, port or maintenance mode; its servers stay.

        Raises RouteConflictError when a host or port is another app's or the port is not an app port,
        ValueError when a name is malformed. Nothing has changed then.
        """
        self._require_app_port(app, app_port)
        with self._store.lock_table():
            table = self._store.load()
            known = table.routes.get(app)
            servers = known.servers if known else ()
            route = Route(app=app, hosts=hosts, app_port=app_port, servers=servers, maintenance=maintenance)
            self._commit(table, table.with_route(route))

    def remove_route(self, app: str, *, drain_timeout_s: float = 5.0) -> DrainReport:
        """From now on the app's hosts answer 404; requests under way may end within the timeout."""
        with self._store.lock_table():
            table = self._store.load()
            if app not in table.routes:
                return DrainReport()
            workers = self._running_workers()
            old = switching.servers_of_slot(workers[0], table.slots[app]) if workers else ()
            self._commit(table, table.without_route(app))
            if workers:
                live.set_state(workers[0], old, "drain")
        return self._retire(old, drain_timeout_s)

    def switch(
        self,
        app: str,
        servers: tuple[Server, ...],
        *,
        drain_timeout_s: float = 30.0,
        up_timeout_s: float = 60.0,
    ) -> DrainReport:
        """Moves an app's requests to these servers, and to no others, without failing one.

        New servers must pass their checks within `up_timeout_s`; then they take all new requests, and the
        old servers are removed when their last request has ended, or cut off after `drain_timeout_s`.
        No servers at all: the app answers H14. Raises ServersNotUpError, RouteConflictError (no such
        route), RouterNotRunningError; then the old servers go on serving.
        """
        with self._store.lock_app(app, up_timeout_s + drain_timeout_s):
            self._bring_up(app, servers, up_timeout_s)
            with self._store.lock_table():
                old = self._point_at(app, servers)
            _wait_until(lambda: not self._down(app), RETURN_TIMEOUT_S)
        return self._retire(old, drain_timeout_s)

    def routes(self) -> tuple[Route, ...]:
        """The routes as the running router has them, by app. Raises RouterNotRunningError."""
        with self._store.lock_table():
            return drift.live_routes(self._master.workers()[0])

    def problems(self) -> tuple[str, ...]:
        """How the running router differs from the desired routes, and which servers are down."""
        if not self.is_running():
            return ("router is not running",)
        try:
            with self._store.lock_table():
                return drift.differences(self._store.load(), self._master.workers()[0])
        except RouterNotRunningError:
            return ("router is not running",)

    def desired_servers(self) -> Mapping[str, frozenset[str]]:
        """The servers' names by app, as the table has them, whether the router runs or not."""
        with self._store.lock_table():
            routes = self._store.load().routes
        return {app: frozenset(server.name for server in route.servers) for app, route in routes.items()}

    def repair(self) -> None:
        """Makes the running router what the table says. Raises RouterNotRunningError."""
        with self._store.lock_table():
            table = self._store.load()
            self._master.workers()
            self._commit(table, table)

    def reload(self) -> None:
        """Has the running router read its config again, after changed settings. No connection is lost."""
        with self._store.lock_table():
            table = self._store.load().grown(self._settings.spare_slots)
            self._store.save(table)
            self._reload()
            switching.hand_over_all(self._master.workers())

    def _require_app_port(self, app: str, port: int | None) -> None:
        if port is None:
            return
        first, last = self._settings.app_ports or (0, -1)
        if not first <= port <= last:
            ports = f"one of the router's ports {first}-{last}" if last > 0 else "the router's: it has none for apps"
            raise RouteConflictError(f"port {port} of {app} is not {ports}")

    def _running_workers(self) -> tuple[Worker, ...]:
        """All workers; none when the router is stopped. Ask with the table locked: a reload closes the socket."""
        try:
            return self._master.workers()
        except RouterNotRunningError:
            return ()

    def _commit(self, before: RouteTable, after: RouteTable) -> None:
        """Stores the table and tells the router, if it runs; on failure the old table stands again."""
        workers = self._running_workers()
        if after.is_overfull:
            after = after.grown(self._settings.spare_slots)
        with self._saved(before, after):
            if workers and after.slot_count > before.slot_count:
                self._reload()
                workers = self._master.workers()
            if workers:
                switching.hand_over_all(workers)
                live.sync_maps(workers[0], render_maps(after))
                live.ensure_servers(workers[0], table_places(after), self._settings.checks, state="ready")

    @contextmanager
    def _saved(self, before: RouteTable, after: RouteTable) -> Generator[None]:
        self._store.save(after)
        try:
            yield
        except RouterError:
            self._store.save(before)
            raise

    def _reload(self) -> None:
        before = self._master.workers()[0].pid
        self._master.reload()

        def has_new_worker() -> bool:
            workers = self._running_workers()
            return bool(workers) and workers[0].pid != before

        if not _wait_until(has_new_worker, RELOAD_TIMEOUT_S):
            raise RouterError(f"no new worker {RELOAD_TIMEOUT_S:g} s after a reload")

    def _bring_up(self, app: str, servers: tuple[Server, ...], timeout_s: float) -> None:
        """New servers are in the router, pass their checks, and get no requests yet."""
        with self._store.lock_table():
            new = switching.new_places(self._store.load(), Route(app=app, servers=servers))
        try:
            switching.wait_up(self._master, self._store.lock_table, app, new, self._settings.checks, timeout_s)
        except RouterError:
            with self._store.lock_table():
                for worker in self._running_workers()[:1]:
                    for place in new:
                        live.remove_server(worker, place, by_force=True)
            raise

    def _down(self, app: str) -> list[str]:
        """A server that was known before is not proven by `_bring_up`: its dyno may have been started again."""
        return [problem for problem in self.problems() if problem.endswith(f" of {app} is down")]

    def _point_at(self, app: str, servers: tuple[Server, ...]) -> tuple[Place, ...]:
        """Requests go to the new servers only; returns the servers that are to drain."""
        before = self._store.load()
        route = replace(switching.known_route(before, app), servers=servers)
        after = before.with_route(route)
        workers = self._master.workers()
        current = workers[0]
        mine = places(route, after.slots[app])
        old = tuple(place for place in switching.servers_of_slot(current, after.slots[app]) if place not in mine)
        with self._saved(before, after):
            switching.hand_over_all(workers)
            live.ensure_servers(current, mine, self._settings.checks, state="ready")
            live.sync_maps(current, render_maps(after))
        # Last: there is no instant at which nobody takes requests.
        live.set_state(current, old, "drain")
        return old

    def _retire(self, places: tuple[Place, ...], timeout_s: float) -> DrainReport:
        return switching.retire(self._running_workers, self._store, places, timeout_s)


def _with_group(settings: RouterSettings) -> RouterSettings:
    """`user` alone would leave the workers in root's group."""
    if settings.user is None or settings.group is not None:
        return settings
    import grp
    import pwd

    return replace(settings, group=grp.getgrgid(pwd.getpwnam(settings.user).pw_gid).gr_name)


def _wait_until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
