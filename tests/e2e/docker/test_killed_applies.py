"""An apply or a destroy that is killed, and an engine that is killed under one: the next one makes it good.

Chosen instants here; `make crash` kills at moments spread over the whole of a command.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from docker_project import DockerProject, echo_project, region_on
from docker_rig import DockerRig, RigHost, doomed_host, kill_engine, start_engine
from killing import at_instant, kill

FIRST_DEPLOY = ("starting the region's router", "provisioning postgres", "release phase", "starting web.2")
UPDATE = ("$ sleep 1; true building", "starting web.1", "switching the router", "stopping web")
DESTROY = ("stopping 2 dynos",)

APPLY = ["apply", "--auto-approve"]
CONFIRMED = ["--auto-approve", "--confirm", "addon.echo/DATABASE"]
COMPLETE = {"addon": 1, "dyno": 2, "guard": 1, "keeper": 1, "router": 1}


def _whole(project: DockerProject) -> None:
    """The echo app with everything that can be interrupted."""
    project.app(
        "echo",
        addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}],
        source={"path": "./echo"},
        build="sleep 1; true building",
        release="sleep 1",
    )


@pytest.fixture
def echo(rig: DockerRig) -> Iterator[DockerProject]:
    project = echo_project(rig)
    try:
        _whole(project)
        yield project
    finally:
        project.close()


def _change_source(project: DockerProject) -> None:
    server = project.directory / "echo" / "server.py"
    server.write_text(server.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")


def _is_whole(project: DockerProject, host: RigHost) -> None:
    """Everything is there once, nothing is left over, and it serves."""
    mine = {"label": [f"dpaas.platform={project.name}"]}
    with host.open() as engine:
        api: Any = engine.api
        roles = [item["Labels"]["dpaas.role"] for item in api.containers(all=True, filters=mine)]
        networks = [item["Name"] for item in api.networks(filters=mine)]
    assert {role: roles.count(role) for role in sorted(set(roles))} == COMPLETE
    assert len(networks) == 3, "one a dyno, and the add-on servers' own"
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    assert "Nothing is left over." in project.dpaas("gc").stdout
    assert project.get("echo")[0] == 200


def test_a_command_killed_again_and_again_converges_with_nothing_twice_and_nothing_left(
    echo: DockerProject, rig: DockerRig
):
    for instant in FIRST_DEPLOY:
        assert at_instant(echo, APPLY, instant, kill)[0] == -9
    echo.apply()
    _is_whole(echo, rig.us)
    _change_source(echo)
    for instant in UPDATE:
        assert at_instant(echo, APPLY, instant, kill)[0] == -9
    echo.apply()
    _is_whole(echo, rig.us)
    for instant in DESTROY:
        assert at_instant(echo, ["destroy", *CONFIRMED], instant, kill)[0] == -9
    echo.dpaas("destroy", *CONFIRMED)
    assert echo.left() == {"us": [], "eu": []}


def test_an_engine_killed_under_an_apply_is_told_and_the_next_apply_converges(rig: DockerRig):
    with doomed_host(rig) as host:
        project = echo_project(rig)
        project.regions["us"] = region_on(host, "US")
        try:
            _whole(project)
            for instant in ("provisioning postgres", "$ sleep 1; true building", "starting web.2"):
                status, said = at_instant(project, APPLY, instant, lambda _: kill_engine(host))
                assert status == 1, said
                assert "Traceback" not in said
                assert host.url in said and "error" in said, said
                assert f"{host.url} cannot be reached" in project.dpaas("plan", expect=None).stderr
                start_engine(host)
            project.apply()
            _is_whole(project, host)
            # What runs comes back with the engine, by itself.
            kill_engine(host)
            start_engine(host)
            project.until_it_serves("echo")
            _is_whole(project, host)
            project.dpaas("destroy", *CONFIRMED)
            assert project.left_on(host) == []
        finally:
            project.close()
