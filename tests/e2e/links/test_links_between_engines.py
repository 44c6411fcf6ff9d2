"""A link between two Docker engines: what passes, what does not, and how it comes back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import DEVNULL
from typing import Any

import pytest
from docker_rig import DockerRig, free_ports
from links_bench import Linked, Side, docker_side, knock, wait_until

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import route_name
from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine import containers, inventory


@pytest.fixture(scope="module")
def pair(rig: DockerRig, platform: str) -> Iterator[Linked]:
    address = f"{rig.us.ip}:{free_ports(rig.us.ip)}"
    with docker_side("us", rig.us, platform, link_address=address) as us, docker_side("eu", rig.eu, platform) as eu:
        for side in (us, eu):
            for app in ("shop", "blog"):
                side.database(app)
        yield Linked(us, eu)


@pytest.fixture
def linked(pair: Linked) -> Iterator[Linked]:
    pair.open()
    try:
        yield pair
    finally:
        pair.close()


def listener(linked: Linked) -> tuple[str, int]:
    address = linked.us.provider.link_address()
    assert address is not None
    return address.host, address.port


def test_a_route_leads_to_the_named_server_of_the_source(linked: Linked) -> None:
    endpoint = linked.endpoint()
    assert linked.problems() == ()
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us"
    assert linked.endpoint() == endpoint


def test_an_endpoint_is_open_to_its_own_server_alone(linked: Linked) -> None:
    shop, blog = linked.endpoint("shop"), linked.endpoint("blog")
    assert linked.eu.through("blog", blog, linked.us.urls["blog"]) == "blog in us"
    region = linked.eu.region
    on: Any = region.engine.api.inspect_container(region.links.name)["NetworkSettings"]["Networks"]
    (shops,) = [name for name in _on(linked.eu, "shop") if name in on]
    assert shops not in _on(linked.eu, "blog")
    there = Endpoint(host=on[shops]["IPAddress"], port=shop.port)
    assert linked.eu.through("shop", there, linked.us.urls["shop"]) == "shop in us"
    assert linked.eu.through("blog", there, linked.us.urls["shop"]).startswith("error:")


def _on(side: Side, app: str) -> list[str]:
    server = side.region.addons.place.server(side.keys[app])
    found: Any = side.region.engine.api.inspect_container(server)
    return list(found["NetworkSettings"]["Networks"])


def test_the_listener_refuses_whoever_lacks_the_certificate_of_that_link(linked: Linked) -> None:
    linked.endpoint()
    host, port = listener(linked)
    name = linked.spec.name_of(route_name(linked.identity()))
    assert knock(host, port, name, linked.eu.link_keys(linked.spec)) == "led"
    assert knock(host, port, name) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert knock(host, port, name, linked.us.link_keys(linked.spec)) == "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"


def test_only_the_end_of_the_source_publishes_a_port_and_only_the_listeners(linked: Linked) -> None:
    linked.endpoint()
    published = {side.name: _published(side) for side in (linked.us, linked.eu)}
    assert published == {"us": [str(listener(linked)[1])], "eu": []}


def _published(side: Side) -> list[str]:
    found: Any = side.region.engine.api.containers(filters={"label": side.region.owner.filters()})
    return sorted({str(port["PublicPort"]) for item in found for port in item["Ports"] if "PublicPort" in port})


@pytest.mark.parametrize("end", ["us", "eu"])
def test_an_end_that_was_removed_by_hand_is_a_problem_and_an_update_mends_it(linked: Linked, end: str) -> None:
    endpoint = linked.endpoint()
    region = (linked.us if end == "us" else linked.eu).region
    containers.remove(region.engine, region.links.name, region.owner)
    (problem,) = linked.problems()
    assert problem == f"the link end {region.links.name} is missing: its container was removed"
    linked.open()
    assert linked.problems() == ()
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us"


def test_a_cut_link_is_told_and_comes_back_by_itself(linked: Linked, rig: DockerRig) -> None:
    endpoint = linked.endpoint()
    with cut(linked, rig):
        wait_until(lambda: linked.problems() != (), "a problem")
        host, port = listener(linked)
        assert linked.problems() == (f"us does not answer at {host}:{port}: Layer4 timeout",)
        assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]).startswith("error:")
    wait_until(lambda: linked.problems() == (), "a link without problems")
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us"


@contextmanager
def cut(linked: Linked, rig: DockerRig) -> Iterator[None]:
    """Nothing from the other host reaches the listener, and nobody says so."""
    rule = ["PREROUTING", "-s", rig.eu.ip, "-p", "tcp", "--dport", str(listener(linked)[1]), "-j", "DROP"]
    filtering = ["iptables", "-w", "-t", "raw"]
    assert rig.us.on_host([*filtering, "-I", *rule]).wait() == 0
    try:
        yield
    finally:
        assert rig.us.on_host([*filtering, "-D", *rule]).wait() == 0


def test_a_server_that_is_made_again_is_found_again(linked: Linked) -> None:
    endpoint = linked.endpoint()
    for side in (linked.us, linked.eu):
        region = side.region
        containers.remove(region.engine, region.addons.place.server(side.keys["shop"]), region.owner)
        side.mend("shop")
    assert linked.problems() == ()
    wait_until(
        lambda: linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us", "the server's new address"
    )


def test_closing_leaves_nothing_of_a_link_on_either_engine_and_can_be_done_again(pair: Linked) -> None:
    pair.open()
    pair.endpoint("shop")
    assert [_things(side) != [] for side in (pair.us, pair.eu)] == [True, True]
    pair.close()
    assert [_things(side) for side in (pair.us, pair.eu)] == [[], []]
    pair.close()


def _things(side: Side) -> list[str]:
    owner, engine = side.region.owner, side.region.engine
    found = [*inventory.containers(engine, owner), *inventory.networks(engine, owner)]
    records = [str(address) for _, address, _ in side.region.records.all() if address.type.startswith("link")]
    return [item.name for item in found if item.labels is not None and "link" in item.labels.role] + records


def test_within_a_region_two_servers_are_put_side_by_side_and_apart_again(pair: Linked) -> None:
    shop, blog = (ResourceAddress("addon", app, "DATABASE") for app in ("shop", "blog"))
    identity = CopyIdentity(source_instance=pair.us.keys["shop"], target_instance=pair.us.keys["blog"])
    endpoint = pair.links.endpoint(
        pair.us.scope, None, identity, source_region="us", source_addon=shop, target_region="us", target_addon=blog
    )
    assert pair.us.through("blog", endpoint, pair.us.urls["shop"]) == "shop in us"
    # Also when one of them is made again.
    region = pair.us.region
    containers.remove(region.engine, region.addons.place.server(pair.us.keys["blog"]), region.owner)
    pair.us.mend("blog")
    assert pair.us.through("blog", endpoint, pair.us.urls["shop"]) == "shop in us"
    for _ in range(2):
        pair.links.part(pair.us.scope, None, identity, source_region="us", target_region="us")
        assert pair.us.through("blog", endpoint, pair.us.urls["shop"]).startswith("error:")
    assert _things(pair.us) == []


def test_a_port_that_somebody_else_has_is_a_conflict_that_names_the_option(pair: Linked, rig: DockerRig) -> None:
    _, port = listener(pair)
    other = rig.us.on_host([sys.executable, "-m", "http.server", str(port)], stdout=DEVNULL, stderr=DEVNULL)
    try:
        wait_until(lambda: knock(*listener(pair), "x") != "nobody listens", "the other one")
        with pytest.raises(ProviderError, match="link_address"):
            pair.open()
    finally:
        other.kill()
        other.wait()
    pair.open()
    pair.close()
