"""A region's link end as its HAProxy is to be: values, and the files that say so. Pure.

One program is the end of all links of a region, in both directions: the links from here share one listener, which
tells them apart by what the client asks for in TLS (SNI), and takes for each only the certificate of its other end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkKeys, LinkSpec

CONFIG: Final = "haproxy.cfg"
CERTIFICATES: Final = "certificates.txt"
ALIVE: Final = "alive"
"""The name below a link's domain at which its listener only says that it is there. No route's name is like it."""

CONNECTIONS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRoute:
    """At the source: a name that leads to one server."""

    name: str
    server: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LedRoute:
    """At the target: a port that leads to the route's name at the listener. `only_from` is the network of the one
    server that may use it, None where any program of this machine may.
    """

    name: str
    entry: Endpoint
    only_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLink:
    """A link that leads away from servers of this region."""

    link: LinkSpec
    keys: LinkKeys
    routes: tuple[ServedRoute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLink:
    """A link that servers of this region use; `address` is its listener's."""

    link: LinkSpec
    keys: LinkKeys
    address: LinkAddress
    routes: tuple[LedRoute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Within a region: a port, closed as a `LedRoute`'s is, that leads to a server without any link."""

    name: str
    entry: Endpoint
    server: Endpoint
    only_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProgram:
    """`listen` is where the listener binds: nowhere without links from here. `nameserver` resolves servers' names
    anew whenever they move; None: once, at the start. `user` is whom HAProxy becomes when it is started by root.
    `socket` answers for its state.
    """

    sources: tuple[SourceLink, ...]
    targets: tuple[TargetLink, ...]
    listen: tuple[Endpoint, ...]
    socket: Path
    relays: tuple[Relay, ...] = ()
    nameserver: Endpoint | None = None
    user: str | None = None

    @property
    def keys(self) -> Mapping[str, LinkKeys]:
        """By the label of their link, in order."""
        ends: list[SourceLink | TargetLink] = [*self.sources, *self.targets]
        return {end.link.label: end.keys for end in ends}


def config_files(program: LinkProgram, key_files: Mapping[str, str]) -> Mapping[str, str]:
    """Every file but the keys', by its name: none of them is secret. `key_files`: a link's label -> the path of a
    file with its certificate and key.
    """
    authorities = {authority_file(label): keys.authority for label, keys in program.keys.items()}
    lines = [
        f"{key_files[one.link.label]} [ca-file {authority_file(one.link.label)} verify required] *.{one.link.domain}\n"
        for one in program.sources
    ]
    return {CONFIG: _config(program, key_files), CERTIFICATES: "".join(lines), **authorities}


def key_bundle(keys: LinkKeys) -> str:
    """A key file's content: secret."""
    return keys.certificate + keys.key.reveal()


def authority_file(label: str) -> str:
    return f"{label}.ca.pem"


def _config(program: LinkProgram, key_files: Mapping[str, str]) -> str:
    sections = [_global(program), _DEFAULTS]
    if program.nameserver is not None:
        sections.append(_resolvers(program.nameserver))
    if program.sources:
        sections += [_listener(program), _ALIVE]
    for source in program.sources:
        sections += [_served(program, route) for route in source.routes]
    for relay in program.relays:
        sections += [_entry(relay, f"to-{relay.name}"), _served(program, relay)]
    for target in program.targets:
        server = _dialled(program, target, key_files[target.link.label])
        sections.append(_watch(target, server))
        sections += [_led(target, route, server) for route in target.routes]
    return "\n\n".join(sections) + "\n"


def _global(program: LinkProgram) -> str:
    lines = [
        "global",
        "    default-path config",
        "    log stdout format raw local0 info",
        "    nbthread 1",
        f"    maxconn {CONNECTIONS}",
        "    no strict-limits",
        # Else another HAProxy on the same port would share its connections without a word.
        "    noreuseport",
        f"    stats socket {program.socket} mode 600 level user",
        "    ssl-load-extra-files none",
        # A session that is taken up again is not asked for its certificate again, and there are several authorities.
        "    tune.ssl.cachesize 0",
    ]
    if program.user is not None:
        lines.append(f"    user {program.user}")
    return "\n".join(lines)


_DEFAULTS: Final = """defaults
    mode tcp
    log global
    option dontlog-normal
    option dontlognull
    option clitcpka
    option srvtcpka
    retries 1
    timeout connect 5s
    timeout check 5s
    # PostgreSQL says something at least every 30 s in both directions.
    timeout client 5m
    timeout server 5m
    timeout client-fin 10s
    timeout server-fin 10s"""


def _resolvers(nameserver: Endpoint) -> str:
    return f"""resolvers names
    nameserver first {nameserver.host}:{nameserver.port}
    accepted_payload_size 8192
    hold valid 5s
    hold nx 5s"""


def _listener(program: LinkProgram) -> str:
    first = authority_file(program.sources[0].link.label)
    # Each name in the list has its own authority, which goes before this one; without a name nobody gets in.
    tls = f"ssl crt-list {CERTIFICATES} strict-sni verify required ca-file {first} ssl-min-ver TLSv1.3 no-tls-tickets"
    lines = [
        "frontend listener",
        *(f"    bind {place.host}:{place.port} {tls}" for place in program.listen),
        "    tcp-request inspect-delay 5s",
    ]
    alive: list[str] = []
    routes: list[str] = []
    for source in program.sources:
        # Twice is sure: whoever asks for a link's name bears a certificate of that link.
        proved = f"{{ ssl_c_i_dn(cn) -m str {source.link.label} }}"
        asked = f"{{ ssl_fc_sni -i {source.link.name_of(ALIVE)} }}"
        alive.append(f"    tcp-request content switch-mode http if {asked} {proved}")
        routes.append(f"    use_backend {ALIVE} if {asked} {proved}")
        for route in source.routes:
            asked = f"{{ ssl_fc_sni -i {source.link.name_of(route.name)} }}"
            routes.append(f"    use_backend to-{route.name} if {asked} {proved}")
    return "\n".join([*lines, *alive, *routes])


_ALIVE: Final = f"""backend {ALIVE}
    mode http
    http-request return status 204"""


def _served(program: LinkProgram, route: ServedRoute | Relay) -> str:
    return f"""backend to-{route.name}
    server server {route.server.host}:{route.server.port}{_resolved(program)}"""


def _dialled(program: LinkProgram, target: TargetLink, key_file: str) -> str:
    """The listener as a server; what it is asked for comes behind."""
    authority = authority_file(target.link.label)
    return (
        f"server listener {target.address}{_resolved(program)} ssl verify required ca-file {authority} crt {key_file} "
        "ssl-min-ver TLSv1.3 no-tls-tickets"
    )


def _resolved(program: LinkProgram) -> str:
    """Never a reason not to start: a name that leads nowhere yet is asked for again."""
    return " init-addr last,libc,none" + ("" if program.nameserver is None else " resolvers names")


def _watch(target: TargetLink, server: str) -> str:
    """Asks the listener all the time whether it is there, as the routes would: by certificate."""
    name = target.link.name_of(ALIVE)
    return f"""backend {target.link.label}
    option httpchk
    http-check send meth GET uri / ver HTTP/1.1 hdr Host link
    http-check expect status 204
    {server} sni str({name}) check check-sni {name} inter 5s fastinter 1s downinter 2s fall 2 rise 1"""


def _led(target: TargetLink, route: LedRoute, server: str) -> str:
    # What goes through a way that is cut would wait for its own time-outs, much longer than the watch needs to know.
    watched = f"track {target.link.label}/listener on-marked-down shutdown-sessions"
    return f"""{_entry(route, f"via-{route.name}")}

backend via-{route.name}
    {server} sni str({target.link.name_of(route.name)}) {watched}"""


def _entry(route: LedRoute | Relay, backend: str) -> str:
    lines = [f"frontend from-{route.name}", f"    bind {route.entry.host}:{route.entry.port}"]
    if route.only_from is not None:
        lines.append(f"    tcp-request connection reject unless {{ src {route.only_from} }}")
    return "\n".join([*lines, f"    default_backend {backend}"])


def digest(files: Mapping[str, str]) -> str:
    """Of all of them together; it tells changed from same, also of the keys, whose authority is among them."""
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()[:32]
