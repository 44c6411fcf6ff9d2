"""The region's link end: HAProxy in a container, and for each route a small closed network to the one add-on's server.

The container publishes the listener's port and nothing else, and only where a link leads away from here. It forwards
no packets: who is on a route's network finds HAProxy, at the highest address, and nobody behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from declarative_paas.core.follow import Endpoint
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, execute, inventory, networks
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY
from declarative_paas.providers.docker.engine.inventory import NetworkView
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.networks import Pool
from declarative_paas.providers.docker.link_container import (
    ENTRY_PORT,
    SOCKET,
    container_config,
    entries,
    files_of,
    highest_of,
    target_of,
)
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.links.program import digest
from declarative_paas.providers.links.region_links import Pair, RegionLinks, Route
from declarative_paas.providers.links.watching import QUESTION, Watched, link_problems, watched

ROLE: Final = "links"
ROUTE: Final = "link-route"
OUTSIDE: Final = "link-outside"
"""Roles: of the container, of a route's or a pair's network, of the container's way out and in."""

START_TIMEOUT_S: Final = 20.0
ANSWER_TIMEOUT_S: Final = 8.0
"""Longer than HAProxy takes for its first look at every listener."""

POLL_S: Final = 0.1

ASK: Final = f"""
import socket, sys
with socket.socket(socket.AF_UNIX) as found:
    found.settimeout(5)
    found.connect({SOCKET!r})
    found.sendall({QUESTION!r})
    while part := found.recv(65536):
        sys.stdout.buffer.write(part)
"""


class ContainerLinks:
    """See `LinkPlace`. `connect` puts an add-on's server, by its key, on a network; `lock` is the region's."""

    def __init__(
        self,
        engine: Engine,
        owner: Labels,
        images: ServiceImages,
        pool: Pool,
        *,
        connect: Callable[[str, str], None],
        lock: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._engine = engine
        self._owner = inventory.place_of(owner)
        self._images = images
        self._pool = pool
        self._connect = connect
        self._lock = lock
        self.name = object_name(owner, "links")
        self.outside = object_name(owner, "link-outside")

    def locked(self) -> AbstractContextManager[None]:
        return self._lock()

    def ensure(self, links: RegionLinks) -> None:
        there = self._networks()
        for name, keys in links.networks.items():
            there[name] = self._route_network(name, keys)
        if links.networks or links.links:
            self._run(links, there)
        else:
            containers.remove(self._engine, self.name, self._owner)
            networks.remove_network(self._engine, self.outside, self._owner)
        for name, network in there.items():
            if name not in links.networks:
                networks.remove_network(self._engine, network.name, self._owner)

    def problems(self, links: RegionLinks) -> Mapping[str, tuple[str, ...]]:
        problem = self._trouble(links)
        if problem is not None:
            return {link.spec.label: (problem,) for link in links.links}
        if not links.targets:
            return {}
        seen = self._watched({link.spec.label for link in links.targets})
        return {link.spec.label: link_problems(target_of(link, {}), seen) for link in links.targets}

    def entry(self, route: Route | Pair) -> Endpoint:
        """By a name that leads to us on that one network only: a server may be on several with us."""
        return Endpoint(host=route.name, port=ENTRY_PORT)

    def _trouble(self, links: RegionLinks) -> str | None:
        """What is wrong with the end as a whole, if anything."""
        found = containers.inspected(self._engine, self.name, self._owner)
        if found is None:
            return f"the link end {self.name} is missing: its container was removed"
        if not found["State"]["Running"] or found["State"].get("Restarting"):
            return f"the link end {self.name} is not running"
        there = self._networks()
        missing = sorted(links.networks.keys() - there.keys())
        if missing:
            return f"the network {self._network_name(missing[0])} was removed"
        labels = Labels.of(found["Config"]["Labels"])
        if labels is None or labels.key != digest(files_of(links, there)):
            return f"the link end {self.name} is not as it was told to be"
        on = _networks_of(found)
        wanted = [self.outside, *(there[name].name for name in links.networks)]
        apart = sorted(set(wanted) - on)
        return f"the link end {self.name} is not on the network {apart[0]}" if apart else None

    def _networks(self) -> dict[str, NetworkView]:
        """The routes' and pairs' networks by their name in the records."""
        found = inventory.networks(self._engine, self._owner.with_(role=ROUTE))
        return {view.labels.instance: view for view in found if view.labels is not None}

    def _network_name(self, route: str) -> str:
        return object_name(self._owner, "link", route)

    def _route_network(self, route: str, keys: Sequence[str]) -> NetworkView:
        """With the servers of its add-ons on it. Those that are made again find it by its label `key`."""
        labels = self._owner.with_(role=ROUTE, instance=route, key=KEY_SEPARATOR.join(keys))
        name = self._network_name(route)
        made = networks.ensure_network(self._engine, name, labels, self._pool, internal=True)
        for key in keys:
            self._connect(key, name)
        return made

    def _run(self, links: RegionLinks, there: Mapping[str, NetworkView]) -> None:
        files = files_of(links, there)
        self._ensure_outside()
        labels = self._owner.with_(role=ROLE, key=digest(files))
        config = container_config(links, image=self._images.router.id, network=self.outside, of=labels.key)
        containers.ensure_created(self._engine, self.name, config, labels)
        found = containers.inspected(self._engine, self.name, self._owner)
        on = _networks_of(found)
        for route in links.networks:
            if there[route].name not in on:
                self._join(there[route], route)
        if found is None or not found["State"]["Running"]:
            containers.put(self._engine, self.name, entries(links, files))
            self._start(links)

    def _start(self, links: RegionLinks) -> None:
        try:
            containers.start(self._engine, self.name)
        except ProviderError as problem:
            if problem.kind is not ErrorKind.CONFLICT:
                raise
            raise ProviderError(
                ErrorKind.CONFLICT,
                f"somebody else has the port of region {links.region}'s `link_address`: choose another one",
                detail=[problem.summary],
            ) from None
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._ask()
                return
            except ProviderError as problem:
                if time.monotonic() > deadline:
                    lines = containers.last_lines(self._engine, self.name)
                    raise ProviderError(
                        ErrorKind.FAILED,
                        f"the link end {self.name} does not start: {problem.summary}",
                        detail=[*lines, *problem.detail],
                    ) from None
            time.sleep(POLL_S)

    def _join(self, network: NetworkView, route: str) -> None:
        """At the highest address, where HAProxy binds to it: the engine gives the lowest to the servers."""
        with self._engine.told(f"connect {self.name} to {network.name}"):
            self._engine.api.connect_container_to_network(
                self.name, network.name, ipv4_address=str(highest_of(network)), aliases=[route]
            )

    def _ensure_outside(self) -> None:
        """Not of the guard's bridges, which take no connection from outside; and nobody else is on it."""
        import docker.errors

        labels = self._owner.with_(role=OUTSIDE)
        if any(view.name == self.outside for view in inventory.networks(self._engine, labels)):
            return
        with self._engine.told(f"make the network {self.outside}"):
            try:
                self._engine.api.create_network(
                    self.outside, driver="bridge", labels=labels.to_map(), check_duplicate=True
                )
            except docker.errors.APIError as problem:
                if "already exists" not in str(problem):
                    raise

    def _watched(self, labels: set[str]) -> Mapping[str, Watched]:
        """Waits for the first look at each."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            seen = watched(self._ask())
            waiting = any(label not in seen or not seen[label].checked for label in labels)
            if not waiting or time.monotonic() > deadline:
                return seen
            time.sleep(POLL_S)

    def _ask(self) -> str:
        """Raises ProviderError when HAProxy does not answer."""
        done = execute.run(self._engine, self.name, ["python3", "-c", ASK], user=NOBODY, timeout_s=20)
        if done.status != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise ProviderError(ErrorKind.FAILED, f"the link end {self.name} does not answer", detail=lines)
        return done.stdout.decode("utf-8", "replace")


KEY_SEPARATOR: Final = ","


def server_networks(views: Sequence[NetworkView]) -> Mapping[str, Sequence[str]]:
    """For each add-on's key the networks of routes and pairs that its server is to be on."""
    found: dict[str, list[str]] = {}
    for view in views:
        if view.labels is not None and view.labels.role == ROUTE:
            for key in view.labels.key.split(KEY_SEPARATOR):
                found.setdefault(key, []).append(view.name)
    return found


def _networks_of(found: Mapping[str, Any] | None) -> frozenset[str]:
    """The names of the networks that a container is on."""
    on: Mapping[str, Any] = {} if found is None else found["NetworkSettings"]["Networks"] or {}
    return frozenset(on)
