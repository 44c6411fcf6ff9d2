"""What breaks in an engine behind our back is named by a plan and repaired by an apply; nobody else's is touched."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

from docker_project import DockerProject
from docker_rig import DockerRig

from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import place


def _until(is_so: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _repaired(project: DockerProject, *names: str) -> None:
    """The plan names each, an apply repairs it, and the plan after is empty."""
    plan = project.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    for name in names:
        assert name in plan, plan
    project.apply()
    after = project.dpaas("plan", "--detailed-exitcode")
    assert "No changes" in after.stdout
    assert project.get("echo")[0] == 200


def _containers(project: DockerProject, engine: Engine, role: str) -> list[dict[str, Any]]:
    wanted = [f"dpaas.platform={project.name}", f"dpaas.role={role}"]
    found: Any = engine.api.containers(all=True, filters={"label": wanted})
    return sorted(found, key=lambda item: item["Names"][0])


def test_whatever_is_removed_by_hand_is_named_and_made_again(echo: DockerProject, engine: Engine):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}])
    echo.apply()
    api: Any = engine.api

    dyno = _containers(echo, engine, "dyno")[0]
    api.remove_container(dyno["Id"], force=True)
    _repaired(echo, "web.1 is missing")

    dyno = _containers(echo, engine, "dyno")[1]
    network = next(iter(dyno["NetworkSettings"]["Networks"]))
    api.disconnect_container_from_network(dyno["Id"], network, force=True)
    _repaired(echo, "web.2 has lost its network")

    for role, told in (
        ("guard", "the region's guard is not running"),
        ("router", "router is not running"),
        ("addon", "server"),
    ):
        api.remove_container(_containers(echo, engine, role)[0]["Id"], force=True)
        _repaired(echo, told)


def test_a_router_that_is_lost_with_its_volume_is_made_again_with_its_routes(echo: DockerProject, engine: Engine):
    echo.apply()
    api: Any = engine.api
    router = _containers(echo, engine, "router")[0]
    api.remove_container(router["Id"], force=True)
    api.remove_volume(router["Names"][0].lstrip("/"))
    _repaired(echo, "router is not running", "server web.1-v1 of echo is not known to the router")


def test_a_container_of_somebody_else_s_on_a_dyno_s_network_is_told_and_left_there(echo: DockerProject, engine: Engine):
    echo.apply()
    api: Any = engine.api
    network = next(iter(_containers(echo, engine, "dyno")[0]["NetworkSettings"]["Networks"]))
    stranger = api.create_container("dpaas/stack:default", ["sleep", "1000"], name=f"{echo.name}-stranger")["Id"]
    try:
        api.start(stranger)
        api.connect_container_to_network(stranger, network)
        failed = echo.destroy(expect=1)
        shown = failed.stdout + failed.stderr
        assert f"the network {network} is in use by the container {echo.name}-stranger" in shown
        assert network in api.inspect_container(stranger)["NetworkSettings"]["Networks"]
        api.disconnect_container_from_network(stranger, network)
        echo.destroy()
        assert echo.left() == {"us": [], "eu": []}
    finally:
        api.remove_container(stranger, force=True)


def test_a_keeper_that_is_gone_is_there_again_for_the_next_reading_with_every_record(
    echo: DockerProject, engine: Engine
):
    echo.apply()
    api: Any = engine.api
    api.remove_container(_containers(echo, engine, "keeper")[0]["Id"], force=True)
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
    assert [item["State"] for item in _containers(echo, engine, "keeper")] == ["running"]


def test_without_its_stack_a_region_is_not_begun_and_one_that_is_there_can_be_taken_away(
    echo: DockerProject, engine: Engine
):
    api: Any = engine.api
    stack = api.inspect_image("dpaas/stack:default")["Id"]
    api.tag(stack, "dpaas/stack", echo.name)
    echo.regions["us"]["options"]["stack"] = "none-such"
    echo.write()
    failed = echo.apply(expect=1)
    assert "dpaas stack build" in failed.stdout + failed.stderr
    assert echo.left() == {"us": [], "eu": []}
    echo.regions["us"]["options"]["stack"] = echo.name
    echo.write()
    echo.apply()
    api.remove_image(f"dpaas/stack:{echo.name}")
    echo.dpaas("down")
    echo.destroy()
    assert echo.left() == {"us": [], "eu": []}


def test_a_guard_that_is_not_wanted_any_more_goes(echo: DockerProject, engine: Engine):
    echo.apply()
    assert len(_containers(echo, engine, "guard")) == 1
    echo.regions["us"]["options"]["guard"] = False
    echo.app("echo", config={"GREETING": "changed"})
    applied = echo.apply()
    assert "runs without its guard" in applied.stdout + applied.stderr
    assert _containers(echo, engine, "guard") == []
    assert echo.get("echo")[0] == 200


def test_a_dyno_stopped_by_hand_is_named_and_started_again(echo: DockerProject, engine: Engine):
    echo.apply()
    engine.api.stop(_containers(echo, engine, "dyno")[0]["Id"], timeout=1)
    _repaired(echo, "web.1 is down")


def test_a_dyno_that_dies_comes_back_by_itself_and_serves(echo: DockerProject, engine: Engine):
    web = {**echo.apps["echo"]["formation"]["web"], "quantity": 1}
    echo.app("echo", formation={"web": web}, addons=[{"plan": "redis:mini", "as": "REDIS"}])
    echo.apply()
    dyno = _containers(echo, engine, "dyno")[0]["Id"]
    # The engine may start the server first, which then takes the lowest address: the dyno's is still the dyno's.
    address = _address(engine, dyno)
    addon = _containers(echo, engine, "addon")[0]["Id"]
    for container in (dyno, addon):
        engine.api.stop(container, timeout=1)
    for container in (addon, dyno):
        engine.api.start(container)
    assert _until(lambda: _status(echo) == 200)
    assert _address(engine, dyno) == address
    for _ in range(3):
        before: Any = engine.api.inspect_container(dyno)
        ended = before["RestartCount"]

        def has_ended(count: int = ended) -> bool:
            # Asked again: the router may answer a request itself while it still takes the dyno for down.
            echo.get("echo", "/exit")
            now: Any = engine.api.inspect_container(dyno)
            return now["RestartCount"] > count or not now["State"]["Running"]

        assert _until(has_ended)
        assert _until(lambda: _status(echo) == 200, 60)
    assert _until(lambda: "No changes" in echo.dpaas("plan").stdout)


def test_a_crash_loop_is_named_with_its_exit_status_and_one_out_of_memory_with_r15(echo: DockerProject):
    worker = {"command": "sleep 4; exit 9", "size": "standard-1x", "quantity": 1}
    hog = {"command": "sleep 4; exec python3 -c 'x = bytearray(3 << 30)'", "size": "standard-1x", "quantity": 1}
    echo.app("echo", formation={**echo.apps["echo"]["formation"], "worker": worker, "hog": hog})
    echo.apply()
    seen = ""

    def told() -> bool:
        nonlocal seen
        seen += echo.dpaas("plan").stdout
        return "worker.1 is crashed: exit status 9" in seen and "hog.1 is crashed: Error R15" in seen

    assert _until(told, 90), seen
    assert "Error R15 (Memory quota vastly exceeded)" in echo.dpaas("logs", "echo", "-n", "500").stdout


def test_somebody_else_s_container_of_our_name_is_told_and_left_alone(echo: DockerProject, engine: Engine):
    name = f"dpaas-{place(echo.name, 'us')}-router"
    api: Any = engine.api
    made = api.create_container("dpaas/stack:default", ["sleep", "1000"], name=name)
    try:
        failed = echo.apply(expect=1)
        assert name in failed.stdout + failed.stderr
        assert api.inspect_container(made["Id"])["Name"] == f"/{name}"
    finally:
        api.remove_container(made["Id"], force=True)
    echo.apply()
    assert json.loads(echo.get("echo")[1])["version"] == "one"


def test_a_region_whose_engine_is_down_is_told_and_the_other_goes_on(echo: DockerProject, rig: DockerRig):
    echo.apply()
    nobody = f"unix://{echo.directory}/nobody.sock"
    echo.regions["eu"] = {"provider": "docker", "jurisdiction": "EU", "host": nobody, "port": 81}
    echo.regions["eu"]["options"] = {"app_ports": "9000-9010"}
    shutil.copytree(echo.directory / "echo", echo.directory / "other")
    web = echo.apps["echo"]["formation"]["web"]
    echo.app("other", region="eu", source={"path": "./other"}, formation={"web": web})
    echo.app("echo", config={"GREETING": "still here"})
    failed = echo.apply(expect=1)
    assert "nobody.sock" in failed.stdout + failed.stderr
    assert json.loads(echo.get("echo")[1])["greeting"] == "still here"
    status = echo.dpaas("status", expect=None)
    assert "keeper running" in status.stdout


def _address(engine: Engine, dyno: str) -> str:
    found: Any = engine.api.inspect_container(dyno)
    return next(iter(found["NetworkSettings"]["Networks"].values()))["IPAddress"]


def _status(project: DockerProject) -> int:
    try:
        return project.get("echo")[0]
    except OSError:
        return 0
