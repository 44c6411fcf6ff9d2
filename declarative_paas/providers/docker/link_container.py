"""The container of a region's link end: what it is made from, and the files that HAProxy reads in it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.follow import Endpoint
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG, NOBODY, Entry
from declarative_paas.providers.docker.engine.inventory import NetworkView
from declarative_paas.providers.links.program import (
    CONFIG,
    LedRoute,
    LinkProgram,
    Relay,
    TargetLink,
    config_files,
    key_bundle,
)
from declarative_paas.providers.links.region_links import Link, Pair, RegionLinks, served

LISTENER_PORT: Final = 7443
ENTRY_PORT: Final = 5432
FILES: Final = "/dpaas/links"
SOCKET: Final = f"{FILES}/haproxy.sock"
NAMESERVER: Final = Endpoint(host="127.0.0.11", port=53)
"""The engine's own, in every container that is on a network with a name."""

MEMORY_MB: Final = 128


def files_of(links: RegionLinks, there: Mapping[str, NetworkView]) -> Mapping[str, str]:
    """Every file but the keys', by name. `there`: the networks of routes and pairs, by their name in the records."""
    program = LinkProgram(
        sources=served(links),
        targets=tuple(target_of(link, there) for link in links.targets),
        listen=(Endpoint(host="0.0.0.0", port=LISTENER_PORT),),
        socket=Path(SOCKET),
        relays=tuple(_relay(pair, there[pair.name]) for pair in links.pairs if pair.name in there),
        nameserver=NAMESERVER,
    )
    return config_files(program, {link.spec.label: _key_file(link.spec.label) for link in links.links})


def entries(links: RegionLinks, files: Mapping[str, str]) -> list[Entry]:
    """All of them with the keys', for HAProxy's account alone."""
    keys = {_key_file(link.spec.label): key_bundle(link.keys) for link in links.links}
    texts = {**{f"{FILES}/{name}": text for name, text in files.items()}, **keys}
    found = [Entry(path=path, content=text.encode(), mode=0o600) for path, text in texts.items()]
    return [Entry(path=FILES, mode=0o700), *found]


def container_config(links: RegionLinks, *, image: str, network: str, of: str) -> dict[str, Any]:
    """`network` is its way out, and in. `of` is the files' digest: with others it is made again."""
    ports = sorted({link.address.port for link in links.sources})
    published = [{"HostIp": "0.0.0.0", "HostPort": str(port)} for port in ports]
    listener = f"{LISTENER_PORT}/tcp"
    return {
        "Image": image,
        "Entrypoint": ["haproxy", "-db", "-f", f"{FILES}/{CONFIG}"],
        "Cmd": [],
        "User": NOBODY,
        "Env": ["LC_ALL=C.UTF-8", f"DPAAS_LINKS={of}"],
        # As a container's first process HAProxy does not heed SIGTERM, and it holds nothing that a soft end would save.
        "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["NONE"]},
        "ExposedPorts": {listener: {}} if published else {},
        "HostConfig": {
            "NetworkMode": network,
            "PortBindings": {listener: published} if published else {},
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            # It is on the networks of several servers, and must not be their way to each other, or out.
            "Sysctls": {"net.ipv4.ip_forward": "0"},
            "PidsLimit": 64,
            "Memory": MEMORY_MB * 2**20,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": dict(LOG_CONFIG),
        },
    }


def target_of(link: Link, there: Mapping[str, NetworkView]) -> TargetLink:
    routes = [
        LedRoute(
            name=route.name,
            entry=Endpoint(host=str(highest_of(there[route.name])), port=ENTRY_PORT),
            only_from=there[route.name].subnet,
        )
        for route in link.routes
        if route.name in there
    ]
    return TargetLink(link=link.spec, keys=link.keys, address=link.address, routes=tuple(routes))


def _relay(pair: Pair, network: NetworkView) -> Relay:
    entry = Endpoint(host=str(highest_of(network)), port=ENTRY_PORT)
    return Relay(name=pair.name, entry=entry, server=pair.server, only_from=network.subnet)


def highest_of(network: NetworkView) -> ipaddress.IPv4Address:
    """Where HAProxy is on it: the engine gives the lowest addresses to the servers."""
    return ipaddress.IPv4Network(str(network.subnet)).broadcast_address - 1


def _key_file(label: str) -> str:
    return f"{FILES}/{label}.key.pem"
