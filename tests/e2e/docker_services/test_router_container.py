"""The router of a Docker region: HAProxy in a container, on a real engine."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from services_region import RouterRegion, can_connect, wait_until

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.services import router_code
from declarative_paas.providers.docker.services.router_logs import router_line
from declarative_paas.providers.router.errors import RouteConflictError, RouterNotRunningError, ServersNotUpError
from declarative_paas.providers.router.routes import Route
from declarative_paas.providers.router.settings import Checks


def run_until(load: Any, enough: int) -> None:
    pause = threading.Event()
    while load.ok + len(load.failures) < enough:
        pause.wait(0.05)


def test_requests_go_by_host_to_the_app_and_strangers_get_404(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    router.switch("shop", routers.servers([routers.dyno("web.1-v1")]))
    status, body, headers = routers.get("shop.test", "/cart?x=1")
    seen = json.loads(body)
    assert (status, seen["name"], seen["target"]) == (200, "web.1-v1", "/cart?x=1")
    assert "x-request-id" in seen["headers"] and headers["via"] == "1.1 dpaas-router"
    assert routers.get("other.test")[0] == 404
    assert router.problems() == ()


def test_an_app_without_dynos_answers_503_and_one_in_maintenance_says_so(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    assert routers.get("shop.test")[0] == 503
    router.set_route("shop", ("shop.test",), None, maintenance=True)
    status, body, _ = routers.get("shop.test")
    assert status == 503 and "maintenance" in body


def test_the_containers_output_becomes_herokus_router_lines(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    routers.get("shop.test", "/nobody")
    router.switch("shop", routers.servers([routers.dyno("web.1-v1")]))
    routers.get("shop.test", "/somebody")

    def lines() -> list[tuple[str, str]]:
        return [line for text in routers.log() if (line := router_line(text)) is not None]

    wait_until(lambda: len(lines()) == 2, "two log lines")
    (app, refused), (_, answered) = lines()
    assert app == "shop"
    assert 'heroku[router]: at=error code=H14 desc="No web processes running" method=GET path="/nobody"' in refused
    assert 'heroku[router]: at=info method=GET path="/somebody"' in answered
    assert " dyno=web.1 connect=" in answered and " status=200 " in answered


def test_releases_are_replaced_under_mixed_load_without_a_failed_request(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("chat", ("chat.test",), None)
    router.switch("chat", routers.servers([routers.dyno("web.1-v1")]))
    unrelated = routers.connection("chat.test")
    routers.loop.call(unrelated.upgrade())
    router.set_route("shop", ("shop.test",), None)
    old = [routers.dyno(f"web.{number}-v1") for number in (1, 2)]
    router.switch("shop", routers.servers(old))
    load = routers.load("shop.test")
    for version, check_path in ((2, None), (3, "/healthz")):
        run_until(load, load.ok + 300)
        new = [routers.dyno(f"web.{number}-v{version}") for number in (1, 2)]
        report = router.switch("shop", routers.servers(new, check_path), drain_timeout_s=20)
        assert report.all_drained and [server.name for server in report.servers] == [dyno.name for dyno in old]
        for dyno in old:
            dyno.kill()
        old = new
    run_until(load, load.ok + 300)
    load.stop()
    assert load.failures == []
    assert {name.partition("-")[2] for name in load.names} == {"v1", "v2", "v3"}
    routers.loop.call(unrelated.echo("still here"))


def test_new_dynos_that_do_not_come_up_leave_the_old_ones_serving(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    router.switch("shop", routers.servers([routers.dyno("web.1-v1")]))
    dead = routers.dyno("web.1-v2")
    servers = routers.servers([dead])
    dead.kill()
    with pytest.raises(ServersNotUpError) as told:
        router.switch("shop", servers, up_timeout_s=1.0)
    assert set(told.value.reasons) == {"web.1-v2"} and told.value.app == "shop"
    assert json.loads(routers.get("shop.test")[1])["name"] == "web.1-v1"


def test_a_router_that_was_killed_comes_back_by_itself_with_its_routes(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    router.switch("shop", routers.servers([routers.dyno("web.1-v1")]))
    api: Any = routers.engine.api
    before = api.inspect_container(router.name)["State"]["Pid"]
    # The workers, from within: HAProxy ends with them. What the engine itself kills counts as stopped by hand.
    api.exec_start(api.exec_create(router.name, ["sh", "-c", "kill -9 -1"], user=containers.NOBODY)["Id"])
    wait_until(lambda: api.inspect_container(router.name)["State"]["Pid"] not in (0, before), "another process")
    wait_until(lambda: can_connect(routers.rig.us.ip, routers.port), "an open port")
    wait_until(lambda: routers.get("shop.test")[0] == 200, "an answer of the dyno")
    assert router.problems() == ()


def test_a_stopped_router_is_told_and_started_again_with_its_routes(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test", "www.shop.test"), None)
    router.stop()
    assert not router.is_running() and router.problems() == ("router is not running",)
    with pytest.raises(RouterNotRunningError):
        router.routes()
    router.ensure_running()
    assert router.routes() == (Route(app="shop", hosts=("shop.test", "www.shop.test")),)


def test_a_container_removed_by_hand_is_made_again_with_its_routes(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    containers.remove(routers.engine, router.name, routers.owner)
    assert router.problems() == ("router is not running",)
    router.repair()
    assert [route.app for route in router.routes()] == ["shop"]


def test_routes_changed_behind_our_back_are_told_and_mended(routers: RouterRegion) -> None:
    router = routers.start(checks=Checks(interval_s=0.2))
    router.set_route("shop", ("shop.test",), None)
    api: Any = routers.engine.api
    script = (
        "import socket;s=socket.socket(socket.AF_UNIX);s.connect('/router/run/router.sock');"
        "s.sendall(b'@1 del map hosts.map shop.test\\n');s.shutdown(1);print(s.recv(999))"
    )
    api.exec_start(api.exec_create(router.name, ["python3", "-c", script], user=containers.NOBODY)["Id"])
    assert router.problems() == ("route for shop is missing",)
    router.repair()
    assert router.problems() == ()


def test_a_host_of_another_app_is_refused(routers: RouterRegion) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    with pytest.raises(RouteConflictError, match=r"shop\.test is a host of shop"):
        router.set_route("blog", ("shop.test",), None)


def test_a_port_that_another_program_has_is_a_conflict_that_names_it(routers: RouterRegion) -> None:
    program = (
        f"import socket,time;s=socket.create_server(('0.0.0.0',{routers.port}));print('up',flush=True);time.sleep(99)"
    )
    taker = routers.rig.us.on_host(["python3", "-c", program], stdout=-1)
    try:
        assert taker.stdout is not None and taker.stdout.readline() == b"up\n"
        with pytest.raises(ProviderError, match=f"port {routers.port}") as told:
            routers.router.ensure_running()
        assert told.value.kind is ErrorKind.CONFLICT
        assert not routers.router.is_running()
    finally:
        taker.kill()
        taker.wait(10)
    routers.router.ensure_running()
    assert routers.router.is_running()


def test_a_name_that_somebody_else_has_is_left_alone(routers: RouterRegion) -> None:
    api: Any = routers.engine.api
    name = routers.router.name
    stranger = api.create_container(routers.images.router.id, ["sleep", "99"], name=name)
    try:
        with pytest.raises(ProviderError, match="nobody of this tool") as told:
            routers.router.ensure_running()
        assert told.value.kind is ErrorKind.CONFLICT
        assert api.inspect_container(name)["Id"] == stranger["Id"]
    finally:
        api.remove_container(stranger["Id"], force=True)


def test_it_runs_unprivileged_also_below_port_1024(routers: RouterRegion) -> None:
    router = routers.start(port=80)
    router.set_route("shop", ("shop.test",), None)
    api: Any = routers.engine.api
    run = api.exec_create(router.name, ["cat", "/proc/1/status"], user=containers.NOBODY)
    status = dict(line.split(":", 1) for line in api.exec_start(run["Id"]).decode().splitlines() if ":" in line)
    assert status["Uid"].split() == ["65534"] * 4 and status["NoNewPrivs"].strip() == "1"
    only_ports_below_1024 = 1 << 10
    assert int(status["CapEff"], 16) == only_ports_below_1024
    assert routers.get("shop.test", port=80)[0] == 503


def test_app_ports_answer_without_a_host(routers: RouterRegion) -> None:
    first = routers.port + 1
    router = routers.start(app_ports=(first, first + 3))
    router.set_route("shop", (), first + 1)
    router.switch("shop", routers.servers([routers.dyno("web.1-v1")]))
    assert routers.get("anything.test", port=first + 1)[0] == 200
    with pytest.raises(RouteConflictError):
        router.set_route("blog", (), first + 9)


def test_another_port_makes_the_container_again_and_keeps_the_routes(routers: RouterRegion) -> None:
    routers.start().set_route("shop", ("shop.test",), None)
    before = routers.port
    router = routers.start(port=before + 1)
    assert routers.get("shop.test")[0] == 503 and not can_connect(routers.rig.us.ip, before)
    assert [route.app for route in router.routes()] == ["shop"]


def test_a_newer_version_of_this_program_talks_to_the_running_router(
    routers: RouterRegion, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = routers.start()
    router.set_route("shop", ("shop.test",), None)
    api: Any = routers.engine.api
    before = api.inspect_container(router.name)["State"]["StartedAt"]
    now = router_code.router_code()
    newer = router_code.RouterCode(path="/dpaas/router-newer.pyz", content=now.content)
    monkeypatch.setattr("declarative_paas.providers.docker.services.router.router_code", lambda: newer)
    routers.router.ensure_running()
    assert [route.app for route in routers.router.routes()] == ["shop"]
    assert api.inspect_container(router.name)["State"]["StartedAt"] == before


def test_removing_leaves_nothing(routers: RouterRegion) -> None:
    router = routers.start()
    router.remove()
    api: Any = routers.engine.api
    mine = {"label": [f"dpaas.platform={routers.owner.platform}"]}
    assert api.containers(all=True, filters=mine) == [] and not api.volumes(filters=mine)["Volumes"]
    router.remove()
