"""An apply that makes a follower on another engine is killed: the next one goes on, or takes all of it away again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.extend(str(Path(__file__).parents[level] / name) for level, name in ((2, ""), (1, "docker")))

from docker_rig import docker_rig
from following_shop import FollowingShop
from fork_project import FORK

UNDO = ("fork", "undo", FORK, "--auto-approve")
CONFIRMED = ("--confirm", f"addon.{FORK}/DATABASE")


@pytest.fixture(scope="module")
def shop() -> Iterator[FollowingShop]:
    with docker_rig() as rig:
        found = FollowingShop(rig)
        try:
            found.start()
            yield found
        finally:
            found.close()


@pytest.fixture
def fork(shop: FollowingShop) -> FollowingShop:
    shop.declare_fork(region="eu", data={"DATABASE": "follow"})
    return shop


def nothing_is_left(shop: FollowingShop) -> None:
    """Of the fork, on either engine and in its source."""
    assert [shop.of_links(host) for host in shop.rig.hosts] == [[], []]
    assert shop.left()["eu"] == []
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "0"
    assert {name.partition(".")[2].partition("/")[0] for name in shop.recorded()} == {"echo", "plain"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "marker",
    [
        "link.us-eu: making keys",
        "link.us-eu: opening",
        f"follower.{FORK}/DATABASE: creating",
        f"follower.{FORK}/DATABASE: copy: verification",
        f"release.{FORK}: creating",
    ],
)
def test_the_next_apply_goes_on_and_its_undo_leaves_nothing(fork: FollowingShop, marker: str) -> None:
    before = fork.checksum("echo")
    code, told = fork.interrupted_at(marker, subprocess.Popen.kill)
    assert code != 0, told
    fork.apply()
    assert fork.checksum(FORK) == before == fork.checksum("echo")
    fork.until_it_is_seen("echo", FORK, f"killed at {marker}")
    assert "No changes" in fork.dpaas("plan", "--detailed-exitcode").stdout
    assert fork.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "1"
    fork.dpaas(*UNDO, *CONFIRMED)
    nothing_is_left(fork)
    assert fork.sql("echo", "SELECT count(*) FROM pg_publication") == "0"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("marker", ["link.us-eu: opening", f"follower.{FORK}/DATABASE: copy: verification"])
def test_a_fork_that_is_not_wanted_any_more_after_the_kill_leaves_nothing(fork: FollowingShop, marker: str) -> None:
    before = fork.checksum("echo")
    code, told = fork.interrupted_at(marker, subprocess.Popen.kill)
    assert code != 0, told
    fork.withdraw_fork()
    fork.dpaas("apply", "--auto-approve", *CONFIRMED)
    nothing_is_left(fork)
    assert fork.checksum("echo") == before
