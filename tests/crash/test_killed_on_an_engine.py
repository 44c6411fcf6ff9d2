"""A SIGKILL of an apply on a Docker engine, just before and just after one of the changes that it has made there.

A few of them here; `make crash` takes more, of every command, kills engines, and builds of stacks.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker_doomed import AFTER_CHANGES, BEFORE_CHANGES, DockerDoomed
from docker_rig import DockerRig, docker_rig, doomed_host
from stack_doomed import StackDoomed
from trap_door import AFTER, BEFORE

KILLS = 2


@pytest.fixture(scope="module")
def rig() -> Iterator[DockerRig]:
    with docker_rig() as found:
        yield found


@pytest.fixture(scope="module")
def doomed(rig: DockerRig) -> Iterator[DockerDoomed]:
    made = DockerDoomed(rig)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("way", [BEFORE_CHANGES, AFTER_CHANGES])
def test_a_rolling_update_killed_in_mid_flight_is_made_good_and_leaves_nothing(doomed: DockerDoomed, way: str) -> None:
    report = doomed.rolling_updates(KILLS, way)
    assert report.bad == []
    assert report.killed > 0


def test_a_build_of_a_stack_killed_at_any_change_is_taken_up_and_leaves_nothing(rig: DockerRig) -> None:
    with doomed_host(rig) as host:
        stacks = StackDoomed(host)
        try:
            for side in (BEFORE, AFTER):
                report = stacks.builds(side)
                assert report.bad == []
                assert report.killed > 0
        finally:
            stacks.close()
