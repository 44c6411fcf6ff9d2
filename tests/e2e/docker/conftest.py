"""The two engines, started once a run and shared by every test that asks for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from docker_case import Case
from docker_project import DockerProject, echo_project
from docker_rig import DockerRig, RigHost, docker_rig, fresh_platform, remove_platform

from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.slug_image import SlugImage


@pytest.fixture(scope="session")
def rig() -> Iterator[DockerRig]:
    with docker_rig() as found:
        yield found


@pytest.fixture(params=["us", "eu"])
def host(request: pytest.FixtureRequest, rig: DockerRig) -> RigHost:
    """Each host in turn."""
    return rig.us if request.param == "us" else rig.eu


@pytest.fixture
def engine(rig: DockerRig) -> Iterator[Engine]:
    with rig.us.open() as found:
        yield found


@pytest.fixture
def owner(rig: DockerRig) -> Iterator[Labels]:
    """A platform of the test's own; whatever it made on either engine goes in the end."""
    platform = fresh_platform()
    try:
        yield Labels(platform=platform, region="us")
    finally:
        for host in rig.hosts:
            remove_platform(host, platform)


@pytest.fixture(scope="session")
def server_slug(rig: DockerRig) -> Iterator[SlugImage]:
    """A slug on the first engine that many tests start dynos of: built once."""
    platform = fresh_platform()
    try:
        with rig.us.open() as engine:
            yield Case(engine, Labels(platform=platform, region="us")).server_slug()
    finally:
        remove_platform(rig.us, platform)


@pytest.fixture
def case(engine: Engine, owner: Labels, server_slug: SlugImage) -> Case:
    """A region on the first engine."""
    return Case(engine, owner, server_slug)


@pytest.fixture
def echo(rig: DockerRig) -> Iterator[DockerProject]:
    """The echo app on the first engine: two web dynos, a config var; not applied yet."""
    project = echo_project(rig)
    try:
        yield project
    finally:
        project.close()
