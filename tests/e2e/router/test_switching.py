"""Servers come and go under load, and no request fails."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from router_dyno import Dyno
from router_load import Connection, Load
from router_other_process import switch_to_and_fro
from router_stage import Stage

from declarative_paas.providers.router.errors import ServersNotUpError
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.router.switching import DrainReport

ENOUGH = 2000


def release(stage: Stage, number: int, count: int = 2) -> list[Dyno]:
    return [stage.dyno(f"web.{dyno}-v{number}") for dyno in range(1, count + 1)]


def servers(stage: Stage, dynos: list[Dyno], check_path: str | None = None) -> tuple[Server, ...]:
    return tuple(stage.server(dyno, check_path) for dyno in dynos)


def run_until(load: Load, enough: int) -> None:
    """Lets the load go on until it has done this many requests, well or badly."""
    pause = threading.Event()
    while load.ok + len(load.failures) < enough:
        pause.wait(0.05)


def tunnel_to(stage: Stage, host: str) -> Connection:
    tunnel = Connection(stage.settings.port, host)
    stage.loop.call(tunnel.upgrade())
    return tunnel


def test_releases_are_replaced_under_mixed_load_without_a_failed_request(stage: Stage) -> None:
    router = stage.start()
    router.set_route("chat", ("chat.test",), None)
    router.switch("chat", servers(stage, release(stage, 1, 1)))
    unrelated = tunnel_to(stage, "chat.test")
    router.set_route("shop", ("shop.test",), stage.app_port(0))
    old = release(stage, 1)
    router.switch("shop", servers(stage, old))
    load = stage.load("shop.test")
    # Checks by connecting and by path, in either order: the second and third switch change the backend.
    for number, check_path in ((2, None), (3, "/healthz"), (4, None)):
        run_until(load, load.ok + 300)
        new = release(stage, number)
        report = router.switch("shop", servers(stage, new, check_path), drain_timeout_s=20)
        assert report.all_drained
        assert [server.name for server in report.servers] == [dyno.name for dyno in old]
        for dyno in old:
            dyno.kill()
        old = new
    run_until(load, ENOUGH)
    load.stop()
    assert load.failures == []
    assert {name.partition("-")[2] for name in load.names} == {"v1", "v2", "v3", "v4"}
    stage.loop.call(unrelated.echo("still here"))
    assert router.problems() == ()


def test_the_same_load_fails_when_old_dynos_are_not_drained(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), stage.app_port(0))
    old = release(stage, 1)
    router.switch("shop", servers(stage, old))
    load = stage.load("shop.test")
    run_until(load, 300)
    new = release(stage, 2)
    for dyno in old:
        dyno.kill()
    router.switch("shop", servers(stage, new))
    run_until(load, load.ok + 100)
    load.stop()
    assert any(line.startswith("slow") for line in load.failures)
    assert any(line.startswith("tunnel") for line in load.failures)


def test_a_kept_client_connection_moves_to_the_new_servers(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), stage.app_port(0))
    router.switch("shop", servers(stage, release(stage, 1, 1)))
    kept = Connection(stage.settings.port, "shop.test")
    assert stage.loop.call(kept.request("GET", "/"))["name"] == "web.1-v1"
    router.switch("shop", servers(stage, release(stage, 2, 1)))
    assert stage.loop.call(kept.request("POST", "/", "body"))["name"] == "web.1-v2"


def test_a_tunnel_runs_until_the_drain_times_out_and_is_reported(stage: Stage) -> None:
    router = stage.start()
    router.set_route("chat", ("chat.test",), None)
    router.switch("chat", servers(stage, release(stage, 1, 1)))
    tunnel = tunnel_to(stage, "chat.test")
    report = router.switch("chat", servers(stage, release(stage, 2, 1)), drain_timeout_s=0.5)
    assert [(server.name, server.drained, server.sessions_left) for server in report.servers] == [
        ("web.1-v1", False, 1)
    ]
    with pytest.raises((OSError, RuntimeError)):
        stage.loop.call(tunnel.echo("anyone?"))
    assert router.problems() == ()


def test_servers_that_do_not_come_up_leave_the_old_ones_serving(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), stage.app_port(0))
    old, sick = release(stage, 1, 1), release(stage, 2, 1)
    router.switch("shop", servers(stage, old, "/healthz"))
    sick[0].health = 500
    before = router.routes()
    with pytest.raises(ServersNotUpError) as refused:
        router.switch("shop", servers(stage, sick, "/healthz"), up_timeout_s=1)
    assert "L7STS" in refused.value.reasons["web.1-v2"]
    assert router.routes() == before
    assert router.problems() == ()
    assert stage.request(host="shop.test").status == 200
    assert sick[0].seen("/") == 0
    sick[0].health = 200
    router.switch("shop", servers(stage, sick, "/healthz"))
    assert sick[0].requests[-1][2]["host"] == "shop.test", "a health check names one of the app's hosts"


def test_scaling_keeps_the_servers_that_stay(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), stage.app_port(0))
    dynos = release(stage, 1, 3)
    assert router.switch("shop", servers(stage, dynos[:1])) == DrainReport()
    assert router.switch("shop", servers(stage, dynos)) == DrainReport()
    report = router.switch("shop", servers(stage, dynos[1:]))
    assert [server.name for server in report.servers] == ["web.1-v1"]
    assert router.problems() == ()


def test_a_reload_is_not_needed_while_slots_are_free(stage: Stage) -> None:
    router = stage.start(spare_slots=3)
    worker = stage.worker_pids
    for app in ("one", "two", "three"):
        router.set_route(app, (f"{app}.test",), None)
    assert stage.worker_pids == worker
    router.set_route("four", ("four.test",), None)
    assert stage.worker_pids[:1] != worker[:1]


def test_a_reload_for_more_slots_fails_no_request_and_cuts_no_tunnel(stage: Stage) -> None:
    router = stage.start(spare_slots=2)
    for app in ("shop", "chat"):
        router.set_route(app, (f"{app}.test",), None)
        router.switch(app, servers(stage, release(stage, 1)))
    load = stage.load("shop.test")
    unrelated = tunnel_to(stage, "chat.test")
    run_until(load, 200)
    first = stage.worker_pids
    for number in range(5):
        router.set_route(f"app-{number}", (f"app-{number}.test",), None)
        router.switch(f"app-{number}", servers(stage, release(stage, number, 1)))
        assert stage.request(host=f"app-{number}.test").status == 200
        run_until(load, load.ok + 100)
    assert stage.worker_pids[0] != first[0]
    assert set(first) < set(stage.worker_pids), "the old worker lives as long as the tunnel"
    # The servers of the old workers' requests change, too.
    old_worker_request = asyncio.run_coroutine_threadsafe(unrelated.echo("still here"), stage.loop.loop)
    router.switch("shop", servers(stage, release(stage, 2)))
    old_worker_request.result(10)
    run_until(load, ENOUGH)
    load.stop()
    assert load.failures == []
    assert router.problems() == ()


def test_a_switch_outlives_the_reloads_of_other_apps(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), None)
    router.switch("shop", servers(stage, release(stage, 1, 1), "/healthz"))
    late = release(stage, 2, 1)
    late[0].health = 500
    with ThreadPoolExecutor() as pool:
        switching = pool.submit(stage.router.switch, "shop", servers(stage, late, "/healthz"))
        run_until_seen(late[0], "/healthz")
        for number in range(4):
            before = stage.worker_pids[0]
            router.set_route(f"app-{number}", (), None)
            router.reload()
            assert stage.worker_pids[0] != before
        late[0].health = 200
        assert switching.result(30).all_drained
    assert json.loads(stage.request(host="shop.test").body)["name"] == "web.1-v2"
    assert router.problems() == ()


def test_a_request_in_a_worker_that_a_reload_left_behind_is_drained(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), None)
    old = release(stage, 1, 1)
    router.switch("shop", servers(stage, old))
    kept = Connection(stage.settings.port, "shop.test")
    stage.loop.call(kept.request("GET", "/"))
    slow = asyncio.run_coroutine_threadsafe(
        Connection(stage.settings.port, "shop.test").request("GET", "/slow?s=1.5"), stage.loop.loop
    )
    run_until_seen(old[0], "/slow")
    router.reload()
    assert len(stage.worker_pids) == 2
    report = router.switch("shop", servers(stage, release(stage, 2, 1)))
    old[0].kill()
    assert report.all_drained
    assert slow.result(10)["name"] == "web.1-v1"
    assert stage.loop.call(kept.request("GET", "/"))["name"] == "web.1-v2"


def run_until_seen(dyno: Dyno, path: str) -> None:
    pause = threading.Event()
    while not dyno.seen(path):
        pause.wait(0.01)


def test_two_processes_switch_different_apps_at_once(stage: Stage) -> None:
    router = stage.start()
    pairs: dict[str, tuple[Server, Server]] = {}
    for app in ("shop", "blog"):
        router.set_route(app, (f"{app}.test",), None)
        first, second = servers(stage, release(stage, 1, 1) + release(stage, 2, 1))
        pairs[app] = (first, second)
        router.switch(app, (first,))
    load = stage.load("shop.test")
    run_until(load, 100)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=switch_to_and_fro, args=(stage.settings, app, pairs[app], 4)) for app in sorted(pairs)
    ]
    for process in processes:
        process.start()
    # And this process adds apps meanwhile.
    for number in range(20):
        router.set_route(f"app-{number}", (f"app-{number}.test",), None)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    load.stop()
    assert load.failures == []
    assert {route.app: route.servers for route in router.routes() if route.servers} == {
        app: (second,) for app, (_, second) in pairs.items()
    }
    assert router.problems() == ()


def test_a_dyno_that_has_died_unnoticed_costs_no_request(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), None)
    dynos = release(stage, 1, 2)
    router.switch("shop", servers(stage, dynos))
    dynos[0].kill()
    answers = [stage.request("POST", host="shop.test", body="order") for _ in range(20)]
    assert {answer.status for answer in answers} == {200}


def test_a_post_that_a_dyno_has_seen_is_never_sent_to_another(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), None)
    dynos = release(stage, 1, 2)
    router.switch("shop", servers(stage, dynos))
    assert stage.request("POST", "/close", host="shop.test", body="order").status == 503
    assert sum(dyno.seen("/close") for dyno in dynos) == 1


def test_a_server_that_accepts_nothing_is_not_up(stage: Stage) -> None:
    router = stage.start()
    router.set_route("shop", ("shop.test",), None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        nobody = Server(name="web.1-v1", address="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(ServersNotUpError, match=r"web\.1-v1 \(L4CON Connection refused\)"):
            router.switch("shop", (nobody,), up_timeout_s=0.5)
    assert router.routes()[0].servers == ()
