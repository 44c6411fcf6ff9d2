"""Networks and images that somebody removed by hand: a plan names the loss, and an apply makes it good."""

from __future__ import annotations

from typing import Any

from docker_project import DockerProject

from declarative_paas.providers.docker.engine.connection import Engine


def _mine(project: DockerProject, role: str) -> dict[str, list[str]]:
    return {"label": [f"dpaas.platform={project.name}", f"dpaas.role={role}"]}


def _made_good(project: DockerProject, told: str) -> None:
    plan = project.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    assert told in plan, plan
    project.apply()
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    assert "Nothing is left over." in project.dpaas("gc").stdout
    assert project.get("echo")[0] == 200


def test_a_network_that_was_taken_from_its_dyno_is_made_again(echo: DockerProject, engine: Engine) -> None:
    echo.apply()
    api: Any = engine.api
    network = sorted(api.networks(filters=_mine(echo, "dyno")), key=lambda item: item["Name"])[0]["Name"]
    api.disconnect_container_from_network(network, network, force=True)
    api.remove_network(network)
    _made_good(echo, "web.1 has lost its network")


def test_a_dyno_that_is_lost_with_its_network_is_made_again(echo: DockerProject, engine: Engine) -> None:
    echo.apply()
    api: Any = engine.api
    name = sorted(api.networks(filters=_mine(echo, "dyno")), key=lambda item: item["Name"])[1]["Name"]
    api.remove_container(name, force=True)
    api.remove_network(name)
    _made_good(echo, "web.2 is missing")


def test_a_dyno_s_network_without_its_dyno_goes_with_the_next_deploy_whatever_add_on_is_on_it(
    echo: DockerProject, engine: Engine
) -> None:
    echo.app("echo", addons=[{"plan": "redis:mini", "as": "REDIS"}])
    echo.apply()
    api: Any = engine.api
    lost = sorted(api.networks(filters=_mine(echo, "dyno")), key=lambda item: item["Name"])[1]["Name"]
    api.remove_container(lost, force=True)
    assert lost in echo.dpaas("gc").stdout
    echo.app("echo", config={"GREETING": "changed"})
    echo.apply()
    assert "Nothing is left over." in echo.dpaas("gc").stdout
    assert lost not in {item["Name"] for item in api.networks(filters=_mine(echo, "dyno"))}


def test_a_slug_whose_image_is_gone_is_built_again(echo: DockerProject, engine: Engine) -> None:
    echo.apply()
    api: Any = engine.api
    for image in api.images(filters=_mine(echo, "slug")):
        api.remove_image(image["RepoTags"][0], force=True)
    _made_good(echo, "slug.echo")
    echo.destroy()
    assert echo.left() == {"us": [], "eu": []}
