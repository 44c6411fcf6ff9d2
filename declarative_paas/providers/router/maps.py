"""The lookup tables HAProxy routes by, drawn from the route table. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.providers.router.names import BACKEND_KINDS, active_backend, backend_name, table_places
from declarative_paas.providers.router.routes import RouteTable

HOSTS = "hosts.map"  # host -> app
PORTS = "ports.map"  # app port -> app
BACKENDS = "backends.map"  # app -> backend; an app without servers is missing (H14)
MAINTENANCE = "maintenance.map"  # app -> on
CHECK_PATHS = "check-paths.map"  # backend/server -> path of its health check
CHECK_HOSTS = "check-hosts.map"  # backend -> Host header of its health checks
HANDOVER = "handover.map"  # any entry: this worker is an old one and passes requests on to the current one

DRAWN = (HOSTS, PORTS, BACKENDS, MAINTENANCE, CHECK_PATHS, CHECK_HOSTS)
"""The maps that follow the route table; HANDOVER is a worker's own, and empty at its birth."""

Maps = Mapping[str, Mapping[str, str]]


def render_maps(table: RouteTable) -> Maps:
    """Every map, by file name."""
    routes = [table.routes[app] for app in sorted(table.routes)]
    backends = {route.app: active_backend(route, table.slots[route.app]) for route in routes}
    return {
        HOSTS: {host: route.app for route in routes for host in route.hosts},
        PORTS: {str(route.app_port): route.app for route in routes if route.app_port is not None},
        BACKENDS: {app: backend for app, backend in backends.items() if backend is not None},
        MAINTENANCE: {route.app: "on" for route in routes if route.maintenance},
        CHECK_PATHS: {
            str(place): server.check_path for place, server in table_places(table).items() if server.check_path
        },
        # An app may answer only to its own hosts (Django's ALLOWED_HOSTS), also when it is checked.
        CHECK_HOSTS: {
            backend_name(table.slots[route.app], by_path=kind == "http"): route.hosts[0] if route.hosts else "localhost"
            for route in routes
            for kind in BACKEND_KINDS
        },
        HANDOVER: {},
    }


def map_text(entries: Mapping[str, str]) -> str:
    """A map file: one `key value` a line."""
    return "".join(f"{key} {entries[key]}\n" for key in sorted(entries))
