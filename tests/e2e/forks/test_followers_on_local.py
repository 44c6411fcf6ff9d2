"""A fork that follows its source from one region of this machine to another, on real servers, until it is promoted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from fork_project import CONFIRMED, FORK, ForkProject

WRITE = "INSERT INTO orders (item) VALUES ('{}')"


@pytest.fixture(scope="module")
def shop() -> Iterator[ForkProject]:
    found = ForkProject()
    try:
        found.start()
        yield found
    finally:
        found.close()


def seen(check: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)


def follower(shop: ForkProject) -> dict[str, object]:
    (found,) = [copy["follower"] for copy in shop.copies() if copy["alias"] == "DATABASE"]
    return dict(found)


@pytest.mark.timeout(300)
def test_what_cannot_be_followed_is_told_by_the_plan(shop: ForkProject) -> None:
    shop.sql("echo", "CREATE TABLE visits (at timestamptz)")
    shop.declare_fork(region="eu", data={"DATABASE": "follow", "REDIS": "empty"})
    told = shop.dpaas("plan", expect=1).stderr
    assert f"{FORK}.dpaas.yaml:" in told
    assert "public.visits" in told
    assert "[follow-no-key]" in told
    shop.withdraw_fork()
    shop.app("echo", region="eu", move={"DATABASE": "follow"})
    assert "[follow-no-key]" in shop.dpaas("plan", expect=1).stderr
    shop.app("echo", region="us")
    shop.sql("echo", "DROP TABLE visits")
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(300)
def test_a_fork_follows_its_source_and_takes_no_writes(shop: ForkProject) -> None:
    told = shop.dpaas(
        "fork",
        "echo",
        "--region",
        "eu",
        "--data",
        "DATABASE=follow",
        "--data",
        "REDIS=empty",
        "--apply",
        "--auto-approve",
    ).stdout
    assert "follows the source's: copied first" in told
    assert told.index("follower.echo-eu/DATABASE") < told.index("release.echo-eu: creating")
    assert shop.checksum(FORK) == shop.checksum("echo")
    shop.sql("echo", WRITE.format("a mug, in US"))
    shop.sql("echo", "UPDATE orders SET item = 'changed' WHERE id = 7; DELETE FROM orders WHERE id = 8")
    seen(lambda: shop.checksum(FORK) == shop.checksum("echo"), "what was written in us, in eu")
    refused = shop.dpaas("pg", "psql", FORK, "--", "-qAtX", "-c", WRITE.format("a cup, in EU"), expect=None)
    assert refused.returncode != 0
    assert "permission denied" in refused.stderr or "read-only" in refused.stderr
    assert shop.checksum(FORK) == shop.checksum("echo")
    assert shop.get(FORK)[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(300)
def test_its_lag_is_told(shop: ForkProject) -> None:
    seen(lambda: follower(shop)["state"] == "streaming", "streaming")
    found = follower(shop)
    assert (found["promoted"], found["problem"]) == (False, None)
    assert isinstance(found["lag_bytes"], int)
    told = shop.dpaas("status").stdout
    assert "Follows: DATABASE of echo-eu, that of echo (us -> eu): streaming" in told


@pytest.mark.timeout(300)
def test_promoted_it_takes_writes_and_its_source_is_untouched(shop: ForkProject) -> None:
    shop.sql("echo", WRITE.format("the last that follows"))
    told = shop.dpaas("promote", FORK, "--apply", "--auto-approve").stdout
    assert "no longer follows echo" in told
    assert "1 promoted" in told
    before = shop.checksum("echo")
    assert shop.checksum(FORK) == before
    # The number that its sequence gives is a new one.
    shop.sql(FORK, WRITE.format("a cup, in EU"))
    assert shop.checksum("echo") == before
    assert shop.sql(FORK, "SELECT count(*) FROM orders") == str(int(before.partition("|")[0]) + 1)
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    assert follower(shop)["promoted"] is True
    assert not [name for name in shop.recorded() if name.startswith("link.")]
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "0"


@pytest.mark.timeout(300)
def test_it_never_follows_again_and_undo_leaves_nothing(shop: ForkProject) -> None:
    path = shop.directory / f"{FORK}.dpaas.yaml"
    path.write_text(path.read_text().replace("DATABASE: copy", "DATABASE: follow"))
    assert "fork-data-in-use" in shop.dpaas("plan", expect=1).stderr
    path.write_text(path.read_text().replace("DATABASE: follow", "DATABASE: copy"))
    source = shop.checksum("echo")
    shop.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED)
    assert {name.partition(".")[2].partition("/")[0] for name in shop.recorded()} == {"echo"}
    assert shop.checksum("echo") == source


@pytest.mark.timeout(300)
def test_a_follower_that_is_undone_leaves_nothing_at_its_source(shop: ForkProject) -> None:
    shop.declare_fork("beside", region="us", data={"DATABASE": "follow", "REDIS": "empty"})
    shop.apply()
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "1"
    shop.sql("echo", WRITE.format("seen beside"))
    seen(lambda: shop.checksum("beside") == shop.checksum("echo"), "what was written, beside")
    shop.dpaas(
        "fork",
        "undo",
        "beside",
        "--auto-approve",
        "--confirm",
        "addon.beside/DATABASE",
        "--confirm",
        "addon.beside/REDIS",
    )
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "0"
    assert shop.sql("echo", "SELECT count(*) FROM pg_publication") == "0"
    assert json.loads(shop.dpaas("fork", "status", "--json").stdout) == []
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
