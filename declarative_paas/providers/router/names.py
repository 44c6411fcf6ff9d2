"""What apps and servers are called inside HAProxy, and back. Pure.

A slot is two backends, because a backend checks all its servers in one way: `slot3.tcp` by connecting,
`slot3.http` by a path. A server's live name carries its address: a dyno that restarts elsewhere is
another server, and can be added while the old one drains.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from declarative_paas.providers.router.routes import Route, RouteTable, Server

_LIVE_NAME = re.compile(r"(?P<name>[^:]+):(?P<address>.+):(?P<port>[0-9]+)")
_RELEASE = re.compile(r"-v[0-9]+$")
_BACKEND = re.compile(r"slot(?P<slot>[0-9]+)\.(tcp|http)")

BACKEND_KINDS = ("tcp", "http")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A server inside HAProxy: `slot3.http/web.1-v3:127.0.0.1:5001`."""

    backend: str
    live_name: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.live_name}"

    @property
    def server_name(self) -> str:
        return self.live_name.partition(":")[0]


def backend_name(slot: int, *, by_path: bool) -> str:
    return f"slot{slot}.{'http' if by_path else 'tcp'}"


def slot_of(backend: str) -> int | None:
    """The slot a backend belongs to, or None when it is not one of ours."""
    found = _BACKEND.fullmatch(backend)
    return int(found["slot"]) if found else None


def places(route: Route, slot: int) -> dict[Place, Server]:
    """Where each server of the route is, in the route's order."""
    return {
        Place(
            backend_name(slot, by_path=server.check_path is not None), f"{server.name}:{server.address}:{server.port}"
        ): server
        for server in route.servers
    }


def active_backend(route: Route, slot: int) -> str | None:
    """The backend that the app's requests go to, or None when it has no servers."""
    return next((place.backend for place in places(route, slot)), None)


def table_places(table: RouteTable) -> dict[Place, Server]:
    found: dict[Place, Server] = {}
    for app in sorted(table.routes):
        found.update(places(table.routes[app], table.slots[app]))
    return found


def live_server(live_name: str, check_path: str | None) -> Server | None:
    """The server that a live name stands for, or None when we did not give that name."""
    found = _LIVE_NAME.fullmatch(live_name)
    if found is None:
        return None
    try:
        return Server(
            name=found["name"], address=found["address"], port=int(found["port"]), check_path=check_path or None
        )
    except ValueError:
        return None


def dyno_name(live_name: str) -> str:
    """`web.1` for `web.1-v3:127.0.0.1:5001`; empty when no server was reached (`<NOSRV>`)."""
    if live_name.startswith("<"):
        return ""
    return _RELEASE.sub("", live_name.partition(":")[0])
