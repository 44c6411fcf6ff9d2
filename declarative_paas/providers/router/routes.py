"""The desired routes: who answers for which host and port. Pure values, and their JSON form."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from declarative_paas.providers.router.errors import RouteConflictError

FORMAT_VERSION = 1

# All of these end up in a config file and on HAProxy's command line, so nothing else gets in.
APP_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
CHECK_PATH = re.compile(r"/[A-Za-z0-9._~/?&=%+@!$,:-]*")


def _check(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} is not {what}")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Server:
    """One dyno of one release, as the router sees it. `name` is like `web.1-v3`; `address` an IP."""

    name: str
    address: str
    port: int
    check_path: str | None = None
    """Answered 200-399 by a healthy dyno; None: it is enough that the port accepts connections."""

    def __post_init__(self) -> None:
        _check(SERVER_NAME, self.name, "a server name")
        ipaddress.ip_address(self.address)
        if not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is not a port")
        if self.check_path is not None:
            _check(CHECK_PATH, self.check_path, "a path for a health check")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One app's way in. Its servers are all checked by path, or none is. Raises ValueError when not."""

    app: str
    hosts: tuple[str, ...] = ()
    app_port: int | None = None
    servers: tuple[Server, ...] = ()
    maintenance: bool = False

    def __post_init__(self) -> None:
        _check(APP_NAME, self.app, "an app name")
        for host in self.hosts:
            _check(HOST_NAME, host, "a host name in lower case")
        if len({server.check_path is None for server in self.servers}) > 1:
            raise ValueError(f"the servers of {self.app} must be all with or all without a check path")
        if len({(server.name, server.address, server.port) for server in self.servers}) < len(self.servers):
            raise ValueError(f"{self.app} names a server twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """All routes of a region, and the slot (1 to `slot_count`) of HAProxy that each app sits in."""

    slot_count: int
    routes: Mapping[str, Route] = field(default_factory=dict[str, Route])
    slots: Mapping[str, int] = field(default_factory=dict[str, int])

    def with_route(self, route: Route) -> RouteTable:
        """The table with this route added or changed; a new app takes the lowest free slot.

        Raises RouteConflictError when a host or the port is another app's. The slot may be beyond
        `slot_count`: then `is_overfull`, and a reload has to make room.
        """
        for other in self.routes.values():
            if other.app == route.app:
                continue
            if taken := set(other.hosts) & set(route.hosts):
                raise RouteConflictError(f"{min(taken)} is a host of {other.app}, not of {route.app}")
            if route.app_port is not None and route.app_port == other.app_port:
                raise RouteConflictError(f"port {route.app_port} is the port of {other.app}, not of {route.app}")
        slot = self.slots.get(route.app) or _lowest_free(self.slots.values())
        return replace(self, routes={**self.routes, route.app: route}, slots={**self.slots, route.app: slot})

    def without_route(self, app: str) -> RouteTable:
        return replace(
            self,
            routes={name: route for name, route in self.routes.items() if name != app},
            slots={name: slot for name, slot in self.slots.items() if name != app},
        )

    def grown(self, spare_slots: int) -> RouteTable:
        """The same routes with `spare_slots` free slots above the highest used one."""
        return replace(self, slot_count=max(self.slots.values(), default=0) + spare_slots)

    @property
    def is_overfull(self) -> bool:
        return max(self.slots.values(), default=0) > self.slot_count

    def to_json(self) -> dict[str, Any]:
        return {
            "version": FORMAT_VERSION,
            "slot_count": self.slot_count,
            "routes": [_route_to_json(self.routes[app], self.slots[app]) for app in sorted(self.routes)],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RouteTable:
        """Raises ValueError when a newer version wrote it."""
        if data["version"] != FORMAT_VERSION:
            raise ValueError(f"routes.json has version {data['version']}, this program knows {FORMAT_VERSION}")
        routes = [_route_from_json(item) for item in data["routes"]]
        return cls(
            slot_count=data["slot_count"],
            routes={route.app: route for route in routes},
            slots={item["app"]: item["slot"] for item in data["routes"]},
        )


def _lowest_free(used: Iterable[int]) -> int:
    taken = set(used)
    return next(slot for slot in range(1, len(taken) + 2) if slot not in taken)


def _route_to_json(route: Route, slot: int) -> dict[str, Any]:
    return {
        "app": route.app,
        "slot": slot,
        "hosts": list(route.hosts),
        "app_port": route.app_port,
        "maintenance": route.maintenance,
        "servers": [
            {"name": server.name, "address": server.address, "port": server.port, "check_path": server.check_path}
            for server in route.servers
        ],
    }


def _route_from_json(data: Mapping[str, Any]) -> Route:
    return Route(
        app=data["app"],
        hosts=tuple(data["hosts"]),
        app_port=data["app_port"],
        maintenance=data["maintenance"],
        servers=tuple(Server(**server) for server in data["servers"]),
    )
