"""A move is killed in its freeze, its copy and its release, on real processes: the next apply goes on with it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest
from fork_project import ForkProject

CONFIRMED = ("--confirm", "addon.echo/DATABASE", "--confirm", "addon.echo/REDIS")


@pytest.fixture(scope="module")
def shop() -> Iterator[ForkProject]:
    found = ForkProject()
    try:
        found.start()
        yield found
    finally:
        found.close()


def _die(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("way", "marker"),
    [
        ("copy", "formation.echo: updating"),
        ("copy", "move_copy.echo/DATABASE: copy: schema"),
        ("copy", "release.echo: creating"),
        ("follow", "follower.echo/DATABASE: copied; it begins to follow"),
        ("follow", "formation.echo: updating"),
        ("follow", "follower.echo/DATABASE: promoting"),
        ("follow", "release.echo: creating"),
    ],
)
def test_the_next_apply_goes_on_and_the_source_is_as_it_was(shop: ForkProject, way: str, marker: str) -> None:
    before = shop.checksum("echo")
    shop.app("echo", region="eu", move={"DATABASE": way})
    shop.interrupted_at(marker, _die)
    shop.apply()
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    assert shop.checksum("echo") == before
    shop.sql("echo", "INSERT INTO orders (item) VALUES ('a cup, in EU')")
    # The other side is asked by going back to it; then what was made is cleared away, for the next one.
    shop.dpaas("move", "back", "echo", "--auto-approve")
    shop.app("echo", region="us")
    assert shop.checksum("echo") == before
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "0"
    shop.dpaas("move", "finish", "echo", "--auto-approve", *CONFIRMED)
    assert shop.get("echo")[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
