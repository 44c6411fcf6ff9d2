"""Apps that their Dockerfile makes: built once on the region's engine, run as any dyno, sent to another engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from docker_project import DockerProject
from docker_rig import DockerRig

from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import place

# The second stage has neither a shell nor a root file system: one static program and what the first one made.
DOCKERFILE = """
FROM dpaas/stack:default AS made
ARG GREETING=nobody
COPY . /context
RUN mkdir /site && echo "$GREETING as $(id -u)" > /site/index.html && ls -A /context > /site/context.txt
FROM scratch
COPY busybox /httpd
COPY --from=made /site /site
CMD ["/httpd", "-f", "-p", "61000", "-h", "/site"]
FROM dpaas/stack:default AS unused
RUN exit 9
"""


@pytest.fixture
def project(rig: DockerRig) -> Iterator[DockerProject]:
    found = DockerProject(rig)
    source = found.directory / "site"
    source.mkdir()
    (source / "Dockerfile").write_text(DOCKERFILE.replace("FROM scratch", "FROM scratch AS served"))
    (source / ".dockerignore").write_text("*.log\n")
    (source / "debug.log").write_text("not for the image\n")
    shutil.copy(str(shutil.which("busybox")), source / "busybox")
    try:
        yield found
    finally:
        found.close()


def declare(project: DockerProject, **source: Any) -> None:
    how = {"path": "./site", "dockerfile": "Dockerfile", "target": "served", **source}
    project.app("site", source=how, formation={"web": {"size": "standard-1x", "quantity": 1}})


def named(engine: Engine, project: DockerProject) -> dict[str, str]:
    """The project's images by name: what Dockerfiles made, and the stages before it."""
    mine = f"dpaas/slug:{place(project.name, 'us')}."
    return {tag: image["Id"] for image in engine.api.images() for tag in image["RepoTags"] or () if mine in tag}


def test_a_dockerfile_s_image_is_built_once_serves_by_its_own_command_and_goes_with_its_app(
    project: DockerProject, engine: Engine
) -> None:
    del project.regions["eu"]
    declare(project, args={"GREETING": "hello"})
    project.apply()
    assert project.get("site") == (200, b"hello as 0\n")
    files = project.get("site", "/context.txt")[1].decode().split()
    assert files == [".dockerignore", "Dockerfile", "busybox"]
    (dyno,) = (
        item for item in engine.api.containers(filters={"label": [f"dpaas.platform={project.name}", "dpaas.role=dyno"]})
    )
    assert engine.api.inspect_container(dyno["Id"])["Config"]["User"] == "65534:65534"
    assert "heroku[web.1]: Starting process with command `/httpd -f -p 61000 -h /site`" in (
        project.dpaas("logs", "site", "-n", "100").stdout
    )

    # What is left out is no part of it; an argument is.
    (project.directory / "site/debug.log").write_text("more\n")
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    declare(project, args={"GREETING": "good day"})
    assert "args.GREETING" in project.dpaas("plan").stdout
    project.apply()
    assert project.get("site") == (200, b"good day as 0\n")
    # Back to what was built already: nothing is built.
    declare(project, args={"GREETING": "hello"})
    there = named(engine, project)
    assert "is built already" in project.apply().stdout
    assert project.get("site") == (200, b"hello as 0\n")
    assert named(engine, project) == there

    # Each of the two has the stage that it is made of.
    assert len(there) == 4
    project.destroy()
    assert project.left()["us"] == []
    assert not {image["Id"] for image in engine.api.images(all=True)} & set(there.values())


def test_a_build_that_fails_is_told_by_its_last_lines_and_the_release_before_goes_on(
    project: DockerProject, engine: Engine
) -> None:
    del project.regions["eu"]
    declare(project)
    project.apply()
    dockerfile = project.directory / "site/Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace("mkdir /site", "echo it is the last line; exit 9; mkdir /site"))
    failed = project.apply(expect=1)
    said = failed.stdout + failed.stderr
    assert "returned a non-zero code: 9" in said
    assert "it is the last line" in said
    assert project.get("site") == (200, b"nobody as 0\n")
    dockerfile.write_text(text.replace("AS served", "AS other"))
    assert "served" in project.apply(expect=1).stderr
    dockerfile.write_text("FRM scratch\n")
    assert "unknown instruction: FRM" in project.apply(expect=1).stderr
    assert not [name for name in project.left()["us"] if "build" in name]


def test_another_region_s_engine_gets_the_image_as_it_was_built(project: DockerProject, rig: DockerRig) -> None:
    declare(project)
    project.apply()
    told = project.dpaas("fork", "site", "--region", "eu", "--apply", "--auto-approve").stdout
    assert "is in eu as it was built in us" in told
    assert project.state("slug.site-eu")["outputs"]["id"] == project.state("slug.site")["outputs"]["id"]
    assert project.get("site-eu") == (200, b"nobody as 0\n")
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    project.destroy()
    assert project.left() == {"us": [], "eu": []}
