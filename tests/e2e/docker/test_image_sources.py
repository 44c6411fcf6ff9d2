"""Apps that are a container image of the user's own, run as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker_project import DockerProject
from docker_rig import DockerRig

from declarative_paas.providers.docker.engine import build
from declarative_paas.providers.docker.engine.connection import Engine


@pytest.fixture
def project(rig: DockerRig) -> Iterator[DockerProject]:
    found = DockerProject(rig)
    try:
        del found.regions["eu"]
        yield found
    finally:
        found.close()


def test_an_image_runs_with_its_own_command_or_the_formation_s(project: DockerProject, engine: Engine):
    image = f"{project.name}/site:1"
    text = "FROM dpaas/stack:default\nRUN mkdir /site && echo mine > /site/index.html\nWORKDIR /site\n"
    own = 'CMD ["python3", "-m", "http.server", "61000"]\n'
    labels = {"dpaas.platform": project.name}
    build.build_from_text(engine, text + own, tag=image, labels=labels, doing="build the test's image")
    web = {"size": "standard-1x", "quantity": 1}
    project.app("site", source={"image": image}, formation={"web": web})
    project.apply()
    assert project.get("site") == (200, b"mine\n")
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    assert project.dpaas("run", "site", "id -u; cat index.html").stdout.splitlines() == ["65534", "mine"]

    project.app("site", formation={"web": {**web, "command": "cd / && exec python3 -m http.server $PORT"}})
    project.apply()
    assert project.get("site", "/site/index.html") == (200, b"mine\n")
    project.destroy()
    left = project.left()["us"]
    assert [name for name in left if not name.startswith("image")] == []


def test_an_image_that_is_nowhere_is_told_and_nothing_is_left_half_way(project: DockerProject):
    project.app("site", source={"image": "nowhere.invalid/site:1"}, formation={"web": {"quantity": 1}})
    failed = project.apply(expect=1)
    assert "nowhere.invalid/site:1" in failed.stdout + failed.stderr
    assert "cannot be pulled" in failed.stdout + failed.stderr
