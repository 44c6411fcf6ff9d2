"""An app moves from one engine to another: its data followed until the freeze, or copied in it; back, and finished."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.extend(str(Path(__file__).parents[level] / name) for level, name in ((2, ""), (1, "docker"), (1, "forks")))

from docker_project import DockerProject
from docker_rig import docker_rig, free_ports
from fork_project import ADDONS, ForkProject

WRITE = "INSERT INTO orders (item) VALUES ('{}')"
CONFIRMED = ("--confirm", "addon.echo/DATABASE")


class MovingBetweenEngines(ForkProject, DockerProject):
    """The echo app with a database, on the first engine."""

    def start(self, rows: int = 2000) -> None:
        for name, host in (("us", self.rig.us), ("eu", self.rig.eu)):
            self.regions[name]["options"]["link_address"] = f"{host.ip}:{free_ports(host.ip)}"
        self.copy_source("echo")
        web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1, "health": "/healthz"}
        self.app(
            "echo", source={"path": "./echo"}, formation={"web": web}, addons=ADDONS[:1], config={"GREETING": "hi"}
        )
        self.apply()
        self.sql(
            "echo",
            "CREATE TABLE orders (id bigserial PRIMARY KEY, item text NOT NULL);"
            f"INSERT INTO orders (item) SELECT md5(i::text) FROM generate_series(1, {rows}) i",
        )

    def move_status(self) -> dict[str, object]:
        (found,) = json.loads(self.dpaas("move", "status", "--json").stdout)
        return dict(found)

    def url(self, app: str) -> str:
        """Of the region that it is in now."""
        return str(self.state(f"app.{app}")["outputs"]["url"])

    def of_links(self) -> list[str]:
        """What both engines have for links, by label."""
        return [name for names in self.left().values() for name in names if "link" in name]


@pytest.fixture(scope="module")
def shop() -> Iterator[MovingBetweenEngines]:
    with docker_rig() as rig:
        found = MovingBetweenEngines(rig)
        try:
            found.start()
            yield found
        finally:
            found.close()


@pytest.mark.timeout(600)
def test_with_follow_its_data_is_there_before_the_freeze_and_promoted_in_it(shop: MovingBetweenEngines) -> None:
    before = shop.checksum("echo")
    shop.app("echo", region="eu", move={"DATABASE": "follow"})
    told = shop.apply().stdout
    order = [
        "link.us-eu: creating",
        "follower.echo/DATABASE: copy: done",
        "app.echo: updating",
        "follower.echo/DATABASE: promoting",
        "release.echo: creating",
    ]
    assert [told.index(line) for line in order] == sorted(told.index(line) for line in order)
    assert shop.checksum("echo") == before
    assert shop.get("echo")[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    followed = shop.move_status()["followed"]
    assert isinstance(followed, dict)
    assert (followed["DATABASE"]["promoted"], followed["DATABASE"]["check"]["wrong"]) == (True, [])
    # It is written to there, and what is kept in us does not follow.
    shop.sql("echo", WRITE.format("in eu"))
    assert shop.checksum("echo") != before


@pytest.mark.timeout(600)
def test_it_goes_back_to_what_was_kept(shop: MovingBetweenEngines) -> None:
    shop.dpaas("move", "back", "echo", "--auto-approve", timeout=300)
    shop.app("echo", region="us")
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    assert shop.sql("echo", "SELECT count(*) FROM orders WHERE item = 'in eu'") == "0"
    assert shop.get("echo")[0] == 200


@pytest.mark.timeout(600)
def test_finished_it_leaves_nothing_on_the_engine_that_it_left(shop: MovingBetweenEngines) -> None:
    shop.dpaas("move", "finish", "echo", "--auto-approve", *CONFIRMED, timeout=300)
    assert "No move is open" in shop.dpaas("move", "status").stdout
    assert shop.left()["eu"] == []
    assert shop.of_links() == []
    assert shop.sql("echo", "SELECT count(*) FROM pg_replication_slots") == "0"
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(600)
def test_with_copy_it_moves_as_well_and_is_finished_there(shop: MovingBetweenEngines) -> None:
    before = shop.checksum("echo")
    del shop.apps["echo"]["move"]
    shop.app("echo", region="eu")
    told = shop.apply().stdout
    assert told.index("move_copy.echo/DATABASE: copy: done") < told.index("release.echo: creating")
    assert shop.checksum("echo") == before
    assert shop.get("echo")[0] == 200
    shop.dpaas("move", "finish", "echo", "--auto-approve", *CONFIRMED, timeout=300)
    assert shop.left()["us"] == []
    assert shop.checksum("echo") == before
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout


@pytest.mark.timeout(600)
def test_destroy_leaves_nothing_by_label(shop: MovingBetweenEngines) -> None:
    shop.dpaas("destroy", "--auto-approve", *CONFIRMED, timeout=300)
    assert shop.left() == {"us": [], "eu": []}
