"""The two engines, and platforms on them that leave nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from docker_rig import DockerRig, docker_rig, fresh_platform, remove_platform


@pytest.fixture(scope="session")
def rig() -> Iterator[DockerRig]:
    with docker_rig() as found:
        yield found


@pytest.fixture(scope="module")
def platform(rig: DockerRig) -> Iterator[str]:
    """A name of the module's own; whatever was made under it on either engine goes in the end."""
    name = fresh_platform()
    try:
        yield name
    finally:
        for host in rig.hosts:
            remove_platform(host, name)
