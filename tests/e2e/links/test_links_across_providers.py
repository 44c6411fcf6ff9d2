"""Links between processes of a machine and an engine, in both directions; and an engine that is started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from docker_rig import (
    DockerRig,
    doomed_host,
    free_ports,
    fresh_platform,
    kill_engine,
    remove_platform,
    start_engine,
)
from links_bench import Linked, Side, docker_side, free_port, knock, local_side, wait_until

from declarative_paas.core.links import route_name
from declarative_paas.core.provider import ProviderError


@pytest.fixture(params=["local to docker", "docker to local"])
def linked(request: pytest.FixtureRequest, rig: DockerRig, platform: str) -> Iterator[Linked]:
    """The machine that the engines are on is outside of both, at an address that their hosts reach."""
    with ExitStack() as stack:
        if request.param == "local to docker":
            address = f"{rig.outside}:{free_port()}"
            us = stack.enter_context(local_side("us", far=False, platform=platform, link_address=address))
            eu = stack.enter_context(docker_side("eu", rig.eu, platform))
        else:
            address = f"{rig.us.ip}:{free_ports(rig.us.ip)}"
            us = stack.enter_context(docker_side("us", rig.us, platform, link_address=address))
            eu = stack.enter_context(local_side("eu", far=False, platform=platform))
        yield stack.enter_context(opened(us, eu))


@contextmanager
def opened(us: Side, eu: Side) -> Iterator[Linked]:
    for side in (us, eu):
        side.database()
    linked = Linked(us, eu)
    linked.open()
    try:
        yield linked
    finally:
        with suppress(ProviderError):
            linked.close()


def test_a_route_leads_to_the_named_server_of_the_source(linked: Linked) -> None:
    assert linked.validate() == []
    endpoint = linked.endpoint()
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us"
    assert linked.problems() == ()
    address = linked.us.provider.link_address()
    assert address is not None
    name = linked.spec.name_of(route_name(linked.identity()))
    assert knock(address.host, address.port, name) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    linked.part()
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]).startswith("error:")


def test_after_a_power_cut_of_the_sources_engine_a_link_comes_back_by_itself(rig: DockerRig) -> None:
    platform = fresh_platform()
    with doomed_host(rig) as doomed, ExitStack() as stack:
        stack.callback(remove_platform, doomed, platform)
        stack.callback(remove_platform, rig.eu, platform)
        address = f"{doomed.ip}:{free_ports(doomed.ip)}"
        us = stack.enter_context(docker_side("us", doomed, platform, link_address=address))
        eu = stack.enter_context(docker_side("eu", rig.eu, platform))
        linked = stack.enter_context(opened(us, eu))
        endpoint = linked.endpoint()
        assert eu.through("shop", endpoint, us.urls["shop"]) == "shop in us"
        kill_engine(doomed)
        wait_until(lambda: "error:" in eu.through("shop", endpoint, us.urls["shop"]), "the cut")
        start_engine(doomed)
        wait_until(lambda: eu.through("shop", endpoint, us.urls["shop"]) == "shop in us", "the way back")
