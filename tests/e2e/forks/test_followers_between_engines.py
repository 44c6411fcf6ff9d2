"""Forks that follow from engine to engine, from this machine to an engine, and within one; through links that break."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.extend(str(Path(__file__).parents[level] / name) for level, name in ((2, ""), (1, "docker")))

from docker_rig import DockerRig, docker_rig
from following_shop import WRITE, FollowingShop, seen
from fork_project import FORK


@pytest.fixture(scope="module")
def rig() -> Iterator[DockerRig]:
    with docker_rig() as found:
        yield found


@pytest.fixture(scope="module")
def shop(rig: DockerRig) -> Iterator[FollowingShop]:
    found = FollowingShop(rig)
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.mark.timeout(400)
def test_a_fork_on_another_engine_follows_and_takes_no_writes(shop: FollowingShop) -> None:
    told = shop.fork("echo", "eu", FORK)
    order = ["link.us-eu: creating", "follower.echo-eu/DATABASE: creating", "release.echo-eu: creating"]
    assert [told.index(line) for line in order] == sorted(told.index(line) for line in order)
    assert shop.checksum(FORK) == shop.checksum("echo")
    shop.until_it_is_seen("echo", FORK, "a mug, in US")
    refused = shop.dpaas("pg", "psql", FORK, "--", "-qAtX", "-c", WRITE.format("a cup, in EU"), expect=None)
    assert refused.returncode != 0
    assert "permission denied" in refused.stderr or "read-only" in refused.stderr
    assert shop.get(FORK)[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    assert shop.follower(FORK)["state"] == "streaming"


@pytest.mark.timeout(400)
def test_a_cut_link_is_told_by_follower_and_link_and_both_come_back_by_themselves(shop: FollowingShop) -> None:
    with shop.cut():
        seen(lambda: shop.follower(FORK)["state"] == "stopped", "a follower that is stopped", 120.0)
        told = shop.dpaas("plan").stdout
        assert f"us does not answer at {shop.rig.us.ip}:{shop.link_port}" in told
    shop.until_it_is_seen("echo", FORK, "after the cut", 120.0)
    seen(lambda: shop.follower(FORK)["state"] == "streaming", "a stream")
    seen(lambda: "No changes" in shop.dpaas("plan").stdout, "a plan without changes")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("end", ["us", "eu"])
def test_a_link_end_that_was_removed_by_hand_is_drift_and_an_apply_mends_it(shop: FollowingShop, end: str) -> None:
    host = shop.rig.us if end == "us" else shop.rig.eu
    with host.open() as engine:
        labels = [f"dpaas.platform={shop.name}", "dpaas.role=links"]
        (found,) = engine.api.containers(filters={"label": labels})
        engine.api.remove_container(found["Id"], force=True)
    assert "is missing: its container was removed" in shop.dpaas("plan").stdout
    shop.apply()
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    shop.until_it_is_seen("echo", FORK, f"after {end} lost its end")


@pytest.mark.timeout(400)
def test_a_platform_that_was_stopped_follows_again_after_the_next_apply(shop: FollowingShop) -> None:
    shop.dpaas("down")
    shop.apply()
    shop.until_it_is_seen("echo", FORK, "after the night", 120.0)
    seen(lambda: "No changes" in shop.dpaas("plan").stdout, "a plan without changes")


@pytest.mark.timeout(400)
def test_a_fork_beside_its_source_follows_within_one_engine(shop: FollowingShop) -> None:
    shop.fork("echo", "us", "beside")
    shop.until_it_is_seen("echo", "beside", "a mug, beside")
    # The other one is not disturbed for longer than its way needs to be made again.
    shop.until_it_is_seen("echo", FORK, "a mug for both")
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    shop.dpaas("fork", "undo", "beside", "--auto-approve", "--confirm", "addon.beside/DATABASE")
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "1"
    shop.until_it_is_seen("echo", FORK, "without beside")


@pytest.mark.timeout(400)
def test_promoted_it_takes_writes_and_the_link_is_gone(shop: FollowingShop) -> None:
    shop.sql("echo", WRITE.format("the last that follows"))
    told = shop.dpaas("promote", FORK, "--apply", "--auto-approve").stdout
    assert "link.us-eu: deleting" in told
    before = shop.checksum("echo")
    assert shop.checksum(FORK) == before
    shop.sql(FORK, WRITE.format("a cup, in EU"))
    assert shop.checksum("echo") == before
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    assert [shop.of_links(host) for host in shop.rig.hosts] == [[], []]
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "0"


@pytest.mark.timeout(400)
def test_a_fork_on_an_engine_follows_a_database_of_this_machine_and_its_undo_leaves_nothing(
    shop: FollowingShop,
) -> None:
    shop.fork("plain", "eu", "plain-eu")
    assert shop.checksum("plain-eu") == shop.checksum("plain")
    shop.until_it_is_seen("plain", "plain-eu", "a mug, from here")
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    shop.dpaas("fork", "undo", "plain-eu", "--auto-approve", "--confirm", "addon.plain-eu/DATABASE")
    assert shop.of_links(shop.rig.eu) == []
    assert shop.sql("plain", "SELECT count(*) FROM pg_replication_slots") == "0"
    assert not [process for process in shop.processes() if "/links/" in " ".join(process.cmdline())]
    assert not [name for name in shop.recorded() if name.startswith(("link.", "follower.plain-eu/"))]


@pytest.mark.timeout(400)
def test_destroy_with_a_follower_leaves_nothing_by_label_and_no_process(shop: FollowingShop) -> None:
    shop.fork("echo", "eu", "again")
    shop.until_it_is_seen("echo", "again", "the last mug")
    names = sorted(name for name in shop.recorded() if name.startswith("addon."))
    shop.dpaas("destroy", "--auto-approve", *(word for name in names for word in ("--confirm", name)), timeout=300)
    assert shop.left() == {"us": [], "eu": []}
    assert shop.processes() == []
