"""Forks between two engines, and from processes of this machine to an engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.extend(str(Path(__file__).parents[level] / name) for level, name in ((2, ""), (1, "docker")))

from docker_project import DockerProject
from docker_rig import docker_rig
from fork_project import ADDONS, CONFIRMED, FORK, ForkProject

LOCAL = {"provider": "local", "jurisdiction": "US", "options": {"drain_timeout_s": 15, "stop_timeout_s": 10}}


class DockerForks(ForkProject, DockerProject):
    """The shop of the forks' tests, with a third region: this machine."""

    def start(self, rows: int = 2000) -> None:
        self.regions["here"] = LOCAL
        self.copy_source("echo")
        web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1, "health": "/healthz"}
        for name, region in (("echo", "us"), ("plain", "here")):
            self.app(
                name,
                region=region,
                source={"path": "./echo"},
                formation={"web": web},
                addons=ADDONS[:1],
                config={"GREETING": "hello"},
            )
        self.apply()
        for name in ("echo", "plain"):
            self.sql(
                name,
                "CREATE TABLE orders (id bigserial PRIMARY KEY, item text NOT NULL);"
                f"INSERT INTO orders (item) SELECT md5(i::text) FROM generate_series(1, {rows}) i",
            )


@pytest.fixture(scope="module")
def shop() -> Iterator[DockerForks]:
    with docker_rig() as rig:
        found = DockerForks(rig)
        try:
            found.start()
            yield found
        finally:
            found.close()


@pytest.mark.timeout(400)
def test_a_fork_between_two_engines_sends_its_slug_and_its_data(shop: DockerForks) -> None:
    told = shop.dpaas("fork", "echo", "--region", "eu", "--apply", "--auto-approve").stdout
    assert "is in eu as it was built in us" in told
    assert shop.state("slug.echo-eu")["outputs"]["id"] == shop.state("slug.echo")["outputs"]["id"]
    assert shop.checksum(FORK) == shop.checksum("echo")
    assert shop.get(FORK)[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(400)
def test_a_fork_from_this_machine_to_an_engine_brings_its_data_and_builds_anew(shop: DockerForks) -> None:
    told = shop.dpaas("fork", "plain", "--region", "eu", "--apply", "--auto-approve").stdout
    assert "will be built again in eu" in told
    assert shop.checksum("plain-eu") == shop.checksum("plain")
    assert shop.get("plain-eu")[0] == 200


@pytest.mark.timeout(400)
def test_an_add_on_is_not_shared_between_engines(shop: DockerForks) -> None:
    told = shop.dpaas("fork", "echo", "--region", "eu", "--to", "sharing", "--data", "DATABASE=share", expect=1)
    assert "addon-out-of-reach" in told.stderr
    assert not (shop.directory / "sharing.dpaas.yaml").exists()


@pytest.mark.timeout(400)
def test_undo_leaves_nothing_of_the_fork_on_its_engine(shop: DockerForks) -> None:
    for name in (FORK, "plain-eu"):
        shop.dpaas("fork", "undo", name, "--auto-approve", *(part.replace(FORK, name) for part in CONFIRMED[:2]))
    assert {name.partition(".")[2].partition("/")[0] for name in shop.recorded()} == {"echo", "plain"}
    assert [name for name in shop.left()["eu"] if "echo-eu" in name or "plain-eu" in name] == []
    assert shop.get("echo")[0] == 200
