from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.router.errors import RouteConflictError
from declarative_paas.providers.router.names import Place, dyno_name, live_server, places, slot_of
from declarative_paas.providers.router.routes import Route, RouteTable, Server

EMPTY = RouteTable(slot_count=2)
WEB = Server(name="web.1-v3", address="127.0.0.1", port=7001)


def test_a_table_survives_its_json_form() -> None:
    table = EMPTY.with_route(Route(app="shop", hosts=("shop.test",), app_port=5001, servers=(WEB,), maintenance=True))
    assert RouteTable.from_json(json.loads(json.dumps(table.to_json()))) == table


def test_a_newer_versions_table_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        RouteTable.from_json({**EMPTY.to_json(), "version": 2})


def test_an_app_keeps_its_slot_and_a_new_one_takes_the_lowest_free() -> None:
    table = EMPTY
    for app in ("one", "two", "three"):
        table = table.with_route(Route(app=app))
    assert table.slots == {"one": 1, "two": 2, "three": 3}
    table = table.without_route("two").with_route(Route(app="four")).with_route(Route(app="one", hosts=("one.test",)))
    assert table.slots == {"one": 1, "four": 2, "three": 3}


def test_a_table_is_overfull_when_an_app_sits_beyond_the_slots_until_it_has_grown() -> None:
    table = EMPTY.with_route(Route(app="one")).with_route(Route(app="two"))
    assert not table.is_overfull
    table = table.with_route(Route(app="three"))
    assert table.is_overfull
    assert table.grown(5).slot_count == 8
    assert not table.grown(5).is_overfull


def test_a_host_or_port_of_another_app_is_refused() -> None:
    table = EMPTY.with_route(Route(app="shop", hosts=("shop.test",), app_port=5001))
    with pytest.raises(RouteConflictError, match=r"shop\.test is a host of shop, not of blog"):
        table.with_route(Route(app="blog", hosts=("shop.test",)))
    with pytest.raises(RouteConflictError, match="port 5001 is the port of shop, not of blog"):
        table.with_route(Route(app="blog", app_port=5001))


@pytest.mark.parametrize(
    "fields",
    [
        {"app": "shop; shutdown"},
        {"app": "../etc"},
        {"app": ""},
        {"app": "shop", "hosts": ("a b",)},
        {"app": "shop", "hosts": ("SHOP.test",)},
        {"app": "shop", "hosts": ("shop.test\nevil.test",)},
    ],
)
def test_a_name_that_could_reach_haproxys_command_line_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not"):
        Route(**fields)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "web 1"},
        {"name": "web:1"},
        {"address": "shop.test"},
        {"port": 0},
        {"check_path": "/a b"},
        {"check_path": "x"},
    ],
)
def test_a_malformed_server_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Server(**{"name": "web.1-v1", "address": "127.0.0.1", "port": 80, **change})


def test_an_apps_servers_are_checked_in_one_way_and_named_once() -> None:
    by_path = Server(name="web.2-v3", address="127.0.0.1", port=7002, check_path="/")
    with pytest.raises(ValueError, match="all with or all without"):
        Route(app="shop", servers=(WEB, by_path))
    with pytest.raises(ValueError, match="twice"):
        Route(app="shop", servers=(WEB, WEB))


@given(
    number=st.integers(1, 99),
    address=st.ip_addresses().map(str),
    port=st.integers(1, 65535),
    check_path=st.sampled_from([None, "/healthz"]),
)
def test_a_server_is_known_again_by_its_live_name(number: int, address: str, port: int, check_path: str | None) -> None:
    server = Server(name=f"web.{number}-v7", address=address, port=port, check_path=check_path)
    ((place, same),) = places(Route(app="shop", servers=(server,)), 12).items()
    assert same == server
    assert live_server(place.live_name, check_path) == server
    assert slot_of(place.backend) == 12
    assert place.server_name == server.name
    assert dyno_name(place.live_name) == f"web.{number}"


def test_backends_and_servers_that_are_not_ours_are_told_apart() -> None:
    assert slot_of("handover") is None
    assert live_server("current-worker", None) is None
    assert dyno_name("<NOSRV>") == ""
    assert str(Place("slot1.tcp", "web.1:127.0.0.1:80")) == "slot1.tcp/web.1:127.0.0.1:80"
