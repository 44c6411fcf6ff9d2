"""The running router against the desired routes."""

from __future__ import annotations

from collections.abc import Iterator

from declarative_paas.providers.router import live, maps
from declarative_paas.providers.router.control import Worker
from declarative_paas.providers.router.names import Place, live_server, places
from declarative_paas.providers.router.routes import Route, RouteTable, Server


def live_routes(worker: Worker) -> tuple[Route, ...]:
    """The routes as a worker has them, by app; servers that drain or wait for their turn are not part of it."""
    hosts, ports, backends, maintenance, check_paths = (
        live.read_map(worker, name)
        for name in (maps.HOSTS, maps.PORTS, maps.BACKENDS, maps.MAINTENANCE, maps.CHECK_PATHS)
    )
    servers: dict[str, list[Server]] = {}
    for place, state in live.read_servers(worker).items():
        server = live_server(place.live_name, check_paths.get(str(place)))
        if server is not None and state.admin == "ready":
            servers.setdefault(place.backend, []).append(server)
    return tuple(
        Route(
            app=app,
            hosts=tuple(sorted(host for host, owner in hosts.items() if owner == app)),
            app_port=next((int(port) for port, owner in ports.items() if owner == app), None),
            servers=tuple(sorted(servers.get(backends.get(app, ""), ()))),
            maintenance=app in maintenance,
        )
        for app in sorted({*hosts.values(), *ports.values(), *backends})
    )


def differences(table: RouteTable, worker: Worker) -> tuple[str, ...]:
    """One sentence a difference, and one a server that is down; empty when all is as desired."""
    actual = {route.app: route for route in live_routes(worker)}
    states = live.read_servers(worker)
    found: list[str] = []
    for app in sorted(table.routes.keys() | actual.keys()):
        desired = table.routes.get(app)
        if desired is None:
            found.append(f"route for {app} should not exist")
        elif app not in actual:
            # A route without hosts, port and servers leaves no trace in the router, and needs none.
            if desired.hosts or desired.app_port is not None or desired.servers:
                found.append(f"route for {app} is missing")
        else:
            found.extend(_route_differences(desired, actual[app]))
            found.extend(_server_differences(desired, table.slots[app], states))
    return tuple(found)


def _route_differences(desired: Route, actual: Route) -> Iterator[str]:
    for host in sorted(set(desired.hosts) - set(actual.hosts)):
        yield f"host {host} of {desired.app} is missing"
    for host in sorted(set(actual.hosts) - set(desired.hosts)):
        yield f"host {host} of {desired.app} should not exist"
    if desired.app_port != actual.app_port:
        yield f"port of {desired.app} is {actual.app_port}, not {desired.app_port}"
    if desired.maintenance != actual.maintenance:
        yield f"maintenance mode of {desired.app} is {'on' if actual.maintenance else 'off'}"
    for server in sorted(set(actual.servers) - set(desired.servers)):
        yield f"server {server.name} of {desired.app} should not exist"


def _server_differences(desired: Route, slot: int, states: dict[Place, live.LiveServer]) -> Iterator[str]:
    for place, server in places(desired, slot).items():
        state = states.get(place)
        if state is None:
            yield f"server {server.name} of {desired.app} is missing"
        elif state.admin != "ready":
            yield f"server {server.name} of {desired.app} takes no requests ({state.admin})"
        elif not state.is_up:
            yield f"server {server.name} of {desired.app} is down"
