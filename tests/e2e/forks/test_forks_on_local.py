"""Forks on real processes: across regions, within one, of forks, several at once; and undone again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fork_project import CONFIRMED, FORK, ForkProject


@pytest.fixture(scope="module")
def shop() -> Iterator[ForkProject]:
    found = ForkProject()
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.mark.timeout(300)
def test_a_fork_is_its_source_again_with_data_config_and_domains_as_declared(shop: ForkProject) -> None:
    before = shop.checksum("echo")
    told = shop.dpaas(
        "fork", "echo", "--region", "eu", "--domain", "echo.example.com=echo.example.eu", "--apply", "--auto-approve"
    ).stdout
    # The reviewer sees it before it is made.
    assert told.index("echo-eu, of echo: us -> eu, jurisdiction US -> EU") < told.index("creating")
    assert "JURISDICTION MOVE" in told
    assert "DATABASE: copied" in told
    # The slug is sent and not built again.
    assert "is in eu as it was built in us" in told
    assert shop.state("slug_copy.echo-eu")["outputs"]["shipped"] is True
    assert shop.state("slug.echo-eu")["outputs"]["id"] == shop.state("slug.echo")["outputs"]["id"]
    # The data is there, each goes its own way.
    assert shop.checksum(FORK) == before
    shop.sql(FORK, "INSERT INTO orders (item) VALUES ('a cup, in EU')")
    assert shop.checksum("echo") == before
    assert shop.checksum(FORK) != before
    # Config is the source's, credentials are its own.
    for key, is_same in (("GREETING", True), ("KEY", True), ("DATABASE_URL", False), ("REDIS_URL", False)):
        values = [shop.dpaas("config", "get", app, key).stdout for app in ("echo", FORK)]
        assert (values[0] == values[1]) is is_same
    status, body = shop.get(FORK)
    assert (status, json.loads(body)["greeting"]) == (200, "hello")
    assert {"domain.echo-eu/echo.example.eu", "domain.echo/echo.example.com"} <= shop.recorded()
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(300)
def test_what_was_verified_can_be_read_later(shop: ForkProject) -> None:
    database, redis = shop.copies()
    assert (database["alias"], database["source"], database["rows"]) == ("DATABASE", "echo", 2000)
    assert redis["alias"] == "REDIS"
    assert database["verified_at"]
    table = {row["name"]: row for row in database["verification"]}
    assert table["public.orders"]["source_rows"] == table["public.orders"]["target_rows"] == 2000
    assert {row["verdict"] for row in database["verification"]} == {"same"}
    told = shop.dpaas("status").stdout
    assert "Copied: DATABASE of echo-eu from echo (us -> eu), 2,000 rows" in told


@pytest.mark.timeout(300)
def test_a_copy_into_a_database_that_is_in_use_is_refused_before_anything_runs(shop: ForkProject) -> None:
    shop.declare_fork("empty", region="us", data={"DATABASE": "empty", "REDIS": "empty"}, domains=["empty.example.com"])
    shop.apply()
    shop.declare_fork("empty", region="us", data={"DATABASE": "copy", "REDIS": "empty"}, domains=["empty.example.com"])
    told = shop.dpaas("plan", expect=1)
    assert "fork-data-in-use" in told.stderr
    confirmed = ("--confirm", "addon.empty/DATABASE", "--confirm", "addon.empty/REDIS")
    told = shop.dpaas("fork", "undo", "empty", "--auto-approve", *confirmed)
    assert "empty.dpaas.yaml" in told.stdout
    assert not (shop.directory / "empty.dpaas.yaml").exists()


@pytest.mark.timeout(300)
def test_several_forks_one_within_the_region_and_one_of_a_fork_in_one_apply(shop: ForkProject) -> None:
    shop.declare_fork("beside", region="us", data={"DATABASE": "copy", "REDIS": "empty"})
    shop.declare_fork("again", **{"from": FORK, "region": "us", "data": {"DATABASE": "copy", "REDIS": "empty"}})
    shop.apply()
    assert shop.checksum("beside") == shop.checksum("echo")
    assert shop.checksum("again") == shop.checksum(FORK)
    assert "slug_copy.beside" not in shop.recorded()
    assert [shop.get(app)[0] for app in ("echo", FORK, "beside", "again")] == [200] * 4
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(300)
def test_undo_takes_exactly_what_the_fork_made_and_needs_to_be_told_of_its_data(shop: ForkProject) -> None:
    before, source = shop.recorded(), shop.checksum("echo")
    assert "fork-has-forks" in shop.dpaas("fork", "undo", FORK, "--auto-approve", expect=1).stderr
    assert "unknown-fork" in shop.dpaas("fork", "undo", "echo", "--auto-approve", expect=1).stderr
    confirmed = ("--confirm", "addon.again/DATABASE", "--confirm", "addon.again/REDIS")
    assert "unconfirmed-data-loss" in shop.dpaas("fork", "undo", "again", "--auto-approve", expect=1).stderr
    assert shop.recorded() == before
    shop.dpaas("fork", "undo", "again", "--auto-approve", *confirmed)
    shop.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED)
    assert {name.partition(".")[2].partition("/")[0] for name in shop.recorded()} == {"echo", "beside"}
    assert shop.checksum("echo") == source
    assert shop.get("echo")[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
