"""A router that is killed comes back with its routes, and drift is told and repaired."""

from __future__ import annotations

import os
import signal

import pytest
from router_stage import Stage

from declarative_paas.providers.router.control import Master
from declarative_paas.providers.router.errors import RouterNotRunningError


@pytest.fixture
def shop(stage: Stage) -> Stage:
    router = stage.start()
    router.set_route("shop", ("shop.test",), stage.app_port(0))
    router.switch("shop", (stage.server(stage.dyno("web.1-v1"), "/healthz"), stage.server(stage.dyno("web.2-v1"), "/")))
    router.set_route("blog", ("blog.test",), stage.app_port(1), maintenance=True)
    router.switch("blog", (stage.server(stage.dyno("web.1-v7")),))
    return stage


def test_a_killed_router_restarts_with_the_same_routes(shop: Stage) -> None:
    before = shop.router.routes()
    assert [route.app for route in before] == ["blog", "shop"]
    shop.kill()
    assert shop.router.problems() == ("router is not running",)
    with pytest.raises(RouterNotRunningError):
        shop.router.routes()
    shop.run()
    assert shop.router.routes() == before
    assert shop.router.problems() == ()
    assert shop.request(host="shop.test").status == 200
    assert shop.request(host="blog.test").status == 503


def test_the_worker_of_a_killed_master_does_not_stay_behind(shop: Stage) -> None:
    assert shop.process is not None
    os.kill(shop.process.pid, signal.SIGKILL)
    shop.process.wait(10)
    shop.run()
    new = shop.dyno("web.1-v8")
    shop.router.switch("blog", (shop.server(new),))
    shop.router.set_route("blog", ("blog.test",), shop.app_port(1), maintenance=False)
    # A second worker on the same port would get its share of the connections, and answer 503.
    assert {shop.request(host="blog.test").status for _ in range(40)} == {200}


def test_routes_can_be_changed_while_the_router_is_stopped(shop: Stage) -> None:
    shop.kill()
    shop.router.set_route("blog", ("blog.test",), None, maintenance=False)
    shop.router.remove_route("shop")
    with pytest.raises(RouterNotRunningError):
        shop.router.switch("blog", (shop.server(shop.dyno("web.1-v8")),))
    shop.router.prepare()
    shop.run()
    assert [(route.app, route.servers[0].name) for route in shop.router.routes()] == [("blog", "web.1-v7")]
    assert shop.request(host="blog.test").status == 200
    assert shop.request(host="shop.test").status == 404


def test_a_router_that_was_never_prepared_is_not_running(stage: Stage) -> None:
    assert stage.router.problems() == ("router is not running",)
    assert not stage.router.is_running()


def test_drift_made_by_hand_is_told_and_repaired(shop: Stage) -> None:
    worker = Master(shop.settings.socket).workers()[0]
    for name, entry in (("hosts.map", "shop.test"), ("ports.map", str(shop.app_port(0))), ("backends.map", "shop")):
        worker.do([f"del map {name} {entry}"])
    worker.do(["del map maintenance.map blog", "add map hosts.map evil.test blog", "add map ports.map 1 ghost"])
    assert shop.router.problems() == (
        "host evil.test of blog should not exist",
        "maintenance mode of blog is off",
        "route for ghost should not exist",
        "route for shop is missing",
    )
    shop.router.repair()
    assert shop.router.problems() == ()
    assert shop.request(host="shop.test").status == 200


def test_servers_taken_away_by_hand_are_told_and_repaired(shop: Stage) -> None:
    worker = Master(shop.settings.socket).workers()[0]
    first, second = sorted(
        line.split()[3] for line in worker.ask("show servers state").splitlines() if "slot1.http" in line
    )
    worker.do([f"set server slot1.http/{first} state maint"])
    assert worker.ask(f"del server slot1.http/{first}") == "Server deleted."
    worker.do([f"set server slot1.http/{second} state drain"])
    assert shop.router.problems() == (
        "server web.1-v1 of shop is missing",
        "server web.2-v1 of shop takes no requests (drain)",
    )
    shop.router.repair()
    assert shop.router.problems() == ()
    assert shop.request(host="shop.test").status == 200
