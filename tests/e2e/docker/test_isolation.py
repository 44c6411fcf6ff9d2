"""Who reaches whom: every pair tried on both engines, and the same probe where it must say *reachable*."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

from docker_case import SERVER, Case, Place
from docker_rig import DockerRig, RigHost

from declarative_paas.core.address import Scope
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkSpec
from declarative_paas.providers.docker.engine import networks
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.dyno_container import PORT
from declarative_paas.providers.docker.engine.guard import Guard
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.link_container import ENTRY_PORT, LISTENER_PORT
from declarative_paas.providers.docker.links import ContainerLinks
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.links.region_links import Link, RegionLinks, Route
from declarative_paas.transfer.link_keys import make_link_keys

# Of this run's own: another run may have services on the same hosts. Below the ports that local regions take.
HOST_SERVICE, ROUTER, OUTSIDE, METADATA_PORT, LINK = (10_000 + os.getpid() % 2_000 * 5 + number for number in range(5))
ADDON = 5432
FOLLOWING = "r1"
NO, YES = "unreachable", "reachable"
Pair = tuple[str, str, str | Case, str, int]
"""What, the verdict wanted, from where (a container's name, or the host of a case), to which address and port."""
METADATA_IP = "169.254.169.254"


@contextmanager
def listening_outside(port: int) -> Iterator[None]:
    """A service on this machine, outside of both engines' hosts."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, "0.0.0.0", str(port)])
    try:
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None and time.monotonic() < deadline, f"nothing listens on {port}"
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def metadata_service(rig: DockerRig, host: RigHost, owner: Labels) -> Iterator[bool]:
    """As in a cloud: link-local, behind the host. Only where the hosts are ours to change; whether there is one."""
    other = rig.eu if host.name == "us" else rig.us
    if host.namespace is None or other.namespace is None:
        yield False
        return
    route = ["route", "replace", METADATA_IP, "via", other.ip]
    subprocess.run(["ip", "-n", other.namespace, "addr", "replace", f"{METADATA_IP}/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "-n", host.namespace, *route], check=True)
    try:
        with other.open() as engine:
            Case(engine, owner).host_service(METADATA_PORT)
            yield True
    finally:
        subprocess.run(["ip", "-n", host.namespace, "route", "del", METADATA_IP], check=False)
        subprocess.run(["ip", "-n", other.namespace, "addr", "del", f"{METADATA_IP}/32", "dev", "lo"], check=False)


@contextmanager
def neighbour(rig: DockerRig, host: RigHost, target: Place, owner: Labels) -> Iterator[Case | None]:
    """On the other host, which sends what is for a dyno to that dyno's host; None where it is not ours to change."""
    other = rig.eu if host.name == "us" else rig.us
    if host.namespace is None or other.namespace is None:
        yield None
        return
    subprocess.run(["ip", "-n", other.namespace, "route", "replace", target.ip, "via", host.ip], check=True)
    try:
        with other.open() as engine:
            yield Case(engine, owner)
    finally:
        subprocess.run(["ip", "-n", other.namespace, "route", "del", target.ip], check=False)


class Town:
    """Two apps with their databases, a stranger's container, a host with services, and the world outside."""

    def __init__(self, case: Case, host_ip: str) -> None:
        slug = case.server_slug()
        self.case = case
        self.host_ip = host_ip
        self.shop_1 = case.start(case.dyno(slug, "web.1"))
        self.shop_2 = case.start(case.dyno(slug, "web.2"))
        self.blog = case.start(case.dyno(slug, "blog.1"))
        self.shop_db = case.listener("shop-db", self.shop_1.network, ADDON)
        networks.connect(case.engine, self.shop_db.name, self.shop_2.network, ["shop-db"])
        self.blog_db = case.listener("blog-db", self.blog.network, ADDON)
        self.stranger = case.listener("stranger", "bridge", ADDON)
        self.listening, self.dialling = self._linked()

    def _linked(self) -> tuple[ContainerLinks, ContainerLinks]:
        """Two ends: the shop's database follows the blog's, which is to be in a region of its own on this engine."""
        spec = LinkSpec(scope=Scope("acme"), id="one", source="eu", target="us")
        address = LinkAddress(host=self.host_ip, port=LINK)
        ends: list[ContainerLinks] = []
        for region, keys, server in zip(
            ("eu", "us"), make_link_keys(spec, datetime.now(UTC)), (self.blog_db, self.shop_db), strict=True
        ):
            ends.append(self._link_end(region, server))
            route = Route(name=FOLLOWING, addon="database", server=Endpoint(host=server.name, port=ADDON))
            ends[-1].ensure(
                RegionLinks(region=region, links=(Link(spec=spec, address=address, keys=keys, routes=(route,)),))
            )
        return ends[0], ends[1]

    def _link_end(self, region: str, server: Place) -> ContainerLinks:
        engine, owner = self.case.engine, self.case.owner.with_(region=region)

        def connect(key: str, network: str) -> None:
            networks.connect(engine, server.name, network)

        images = ServiceImages(engine, lambda: self.case.stack)
        return ContainerLinks(engine, owner, images, self.case.pool, connect=connect, lock=nullcontext)

    def way_to(self, end: ContainerLinks) -> list[str]:
        """The addresses of a link end: outside, and beside the add-on that it is there for."""
        found: Any = self.case.engine.api.inspect_container(end.name)
        return sorted(network["IPAddress"] for network in found["NetworkSettings"]["Networks"].values())

    def gateway_of(self, place: Place) -> str:
        found: Any = self.case.engine.api.inspect_container(place.name)
        return str(found["NetworkSettings"]["Networks"][place.network]["Gateway"])


def test_every_pair_on_each_engine(rig: DockerRig, host: RigHost, owner: Labels) -> None:
    with host.open() as engine, ExitStack() as stack:
        town = Town(Case(engine, owner), host.ip)
        Guard(engine, owner, town.case.stack.id, [str(ROUTER)]).ensure_running()
        for port in (HOST_SERVICE, ROUTER):
            town.case.host_service(port)
        stack.enter_context(listening_outside(OUTSIDE))
        has_metadata = stack.enter_context(metadata_service(rig, host, owner))
        next_door = stack.enter_context(neighbour(rig, host, town.shop_1, owner))
        verdicts = matrix(rig, host, town, next_door=next_door, has_metadata=has_metadata)
        print(f"\nisolation on engine {host.name}:")
        for what, wanted, found in verdicts:
            print(f"  {what:<64} {found:<12} {'as wanted' if found == wanted else f'WANTED {wanted}'}")
        assert [verdict for verdict in verdicts if verdict[1] != verdict[2]] == []
        assert has_metadata == (host.namespace is not None)


def matrix(
    rig: DockerRig, host: RigHost, town: Town, *, next_door: Case | None, has_metadata: bool
) -> list[tuple[str, str, str]]:
    """(what, wanted, found) for every pair. An attempt that is dropped takes its time: they are made at once."""
    case = town.case
    pairs = [*inner_pairs(town), *outer_pairs(rig, host, town)]
    if next_door is not None:
        pairs.append(("neighbour of the host -> $PORT of a dyno", NO, next_door, town.shop_1.ip, PORT))
    if has_metadata:
        pairs.append(("host -> metadata service", YES, case, METADATA_IP, METADATA_PORT))
        pairs.append(("dyno -> metadata service", NO, town.shop_1.name, METADATA_IP, METADATA_PORT))
    for place in {pair[2] for pair in pairs if isinstance(pair[2], Case)}:
        place.host()

    def attempt(pair: Pair) -> tuple[str, str, str]:
        what, wanted, origin, target, port = pair
        found = (
            case.probe(origin, target, port) if isinstance(origin, str) else origin.probe(origin.host(), target, port)
        )
        return what, wanted, found

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(attempt, pairs))


def inner_pairs(town: Town) -> list[Pair]:
    shop = town.shop_1.name
    db_elsewhere = town.case.place(town.shop_db.name, town.shop_2.network)
    return [
        ("dyno -> dyno of the same app", NO, shop, town.shop_2.ip, PORT),
        ("dyno -> dyno of another app", NO, shop, town.blog.ip, PORT),
        ("dyno of another app -> dyno", NO, town.blog.name, town.shop_1.ip, PORT),
        ("dyno -> its own add-on, by address", YES, shop, town.shop_db.ip, ADDON),
        ("second dyno -> its own add-on, by name", YES, town.shop_2.name, "shop-db", ADDON),
        ("dyno -> its own add-on, on another dyno's network", NO, shop, db_elsewhere.ip, ADDON),
        ("dyno -> add-on of another app", NO, shop, town.blog_db.ip, ADDON),
        ("dyno -> add-on of another app, by name", NO, shop, town.blog_db.name, ADDON),
        ("add-on -> dyno of another app", NO, town.shop_db.name, town.blog.ip, PORT),
        ("dyno -> a stranger's container", NO, shop, town.stranger.ip, ADDON),
        *link_pairs(town),
    ]


def link_pairs(town: Town) -> list[Pair]:
    """The one way through a link is from a server that follows to the one that it follows."""
    shop, blog = town.shop_1.name, town.blog.name
    entries = [("entry", address, ENTRY_PORT) for address in town.way_to(town.dialling)]
    listeners = [("listener", address, LISTENER_PORT) for address in town.way_to(town.listening)]
    closed = [
        (f"{who} -> {what} of a link, at {address}", NO, origin, address, port)
        for who, origin in (
            ("dyno of the follower", shop),
            ("dyno of the source", blog),
            ("stranger", town.stranger.name),
        )
        for what, address, port in (*entries, *listeners)
    ]
    others = [
        (f"add-on that does not follow -> entry, at {address}", NO, town.blog_db.name, address, port)
        for _, address, port in entries
    ]
    return [
        ("add-on that follows -> what it follows", YES, town.shop_db.name, FOLLOWING, ENTRY_PORT),
        ("add-on that follows -> the other's port itself", NO, town.shop_db.name, town.blog_db.ip, ADDON),
        *closed,
        *others,
    ]


def outer_pairs(rig: DockerRig, host: RigHost, town: Town) -> list[Pair]:
    shop = town.shop_1.name
    return [
        ("dyno -> service of the host, by its gateway", NO, shop, town.gateway_of(town.shop_1), HOST_SERVICE),
        ("dyno -> service of the host, by another gateway", NO, shop, town.gateway_of(town.blog), HOST_SERVICE),
        ("dyno -> service of the host, by its address", NO, shop, host.ip, HOST_SERVICE),
        ("dyno -> the router's port on the host", YES, shop, host.ip, ROUTER),
        ("dyno -> listener of a link, by the host", NO, shop, host.ip, LINK),
        ("dyno -> outside", YES, shop, rig.outside, OUTSIDE),
        ("router -> $PORT of a dyno", YES, town.case, town.shop_1.ip, PORT),
        ("router -> $PORT of a dyno of another app", YES, town.case, town.blog.ip, PORT),
    ]


def test_the_same_probe_reaches_on_a_shared_network(host: RigHost, owner: Labels) -> None:
    with host.open() as engine:
        case = Case(engine, owner)
        shared = object_name(owner, "shared")
        networks.ensure_network(engine, shared, owner.with_(role="dyno-network"), case.pool)
        one, two = case.listener("one", shared, PORT), case.listener("two", shared, PORT)
        assert case.probe(one.name, two.ip, PORT) == "reachable"
        assert case.probe(two.name, one.ip, PORT) == "reachable"


def test_without_a_guard_the_hosts_services_are_open(rig: DockerRig, engine: Engine, owner: Labels) -> None:
    """What the diagnostic for `guard: false` says is so; and it is the guard that closes them."""
    case = Case(engine, owner)
    dyno = case.start(case.dyno(case.server_slug(), "web.1"))
    guard = Guard(engine, owner, case.stack.id, [str(ROUTER)])
    case.host_service(HOST_SERVICE)
    assert case.probe(dyno.name, rig.us.ip, HOST_SERVICE) == "reachable"
    guard.ensure_running()
    assert case.probe(dyno.name, rig.us.ip, HOST_SERVICE) == "unreachable"
    guard.remove()
    assert case.probe(dyno.name, rig.us.ip, HOST_SERVICE) == "reachable"


def test_every_local_port_below_port_is_the_dynos_own(case: Case) -> None:
    """Also while another dyno of the app uses the same ones, and for an unprivileged user below 1024."""
    slug = case.server_slug()
    script = """
import socket, os
taken = []
for port in range(1, int(os.environ["PORT"])):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
            one.listen()
        except OSError as problem:
            taken.append((port, str(problem)))
print(os.getuid(), taken)
"""
    for name in ("web.1", "web.2"):
        dyno = case.start(case.dyno(slug, name))
        answer = case.shell(dyno.name, 'exec python3 -c "$SCRIPT"', environment={"SCRIPT": script})
        assert answer.strip() == "65534 []"


def test_port_lies_above_the_ports_of_outgoing_connections(case: Case) -> None:
    dyno = case.start(case.dyno(case.server_slug(), "web.1"))
    _, last = case.shell(dyno.name, "cat /proc/sys/net/ipv4/ip_local_port_range").split()
    assert int(last) < PORT


def test_a_dyno_has_no_ipv6_by_which_it_reaches_the_host(case: Case) -> None:
    dyno = case.start(case.dyno(case.server_slug(), "web.1"))
    lines = case.shell(dyno.name, "cat /proc/net/if_inet6").splitlines()
    assert [line for line in lines if not line.endswith(" lo")] == []
