"""One of the rig's engines, and regions on it that leave nothing."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "router"))

from docker_rig import DockerRig, docker_rig, fresh_platform, remove_platform
from services_region import AddonRegion, RouterRegion

from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.stack import find_stack
from declarative_paas.providers.docker.services.images import ServiceImages


@pytest.fixture(scope="session")
def rig() -> Iterator[DockerRig]:
    with docker_rig() as found:
        yield found


@pytest.fixture
def engine(rig: DockerRig) -> Iterator[Engine]:
    with rig.us.open() as found:
        yield found


@pytest.fixture
def owner(rig: DockerRig) -> Iterator[Labels]:
    """A platform of the test's own; whatever it made goes in the end."""
    platform = fresh_platform()
    try:
        yield Labels(platform=platform, region="us")
    finally:
        remove_platform(rig.us, platform)


@pytest.fixture
def images(engine: Engine) -> ServiceImages:
    return ServiceImages(engine, lambda: find_stack(engine))


@pytest.fixture
def routers(engine: Engine, owner: Labels, images: ServiceImages, rig: DockerRig) -> Iterator[RouterRegion]:
    region = RouterRegion(engine, owner, images, rig)
    try:
        yield region
    finally:
        region.close()


@pytest.fixture
def region(engine: Engine, owner: Labels, images: ServiceImages) -> Iterator[AddonRegion]:
    home = Path(tempfile.mkdtemp(prefix="docker-addons-"))
    try:
        yield AddonRegion(engine, owner, images, home)
    finally:
        shutil.rmtree(home)
