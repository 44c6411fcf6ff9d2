"""A fork between two engines whose connection is cut while its data is copied: the next apply makes it good."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.extend(str(Path(__file__).parents[level] / name) for level, name in ((2, ""), (1, "docker"), (2, "crash")))

from docker_project import DockerProject
from docker_rig import DockerRig, docker_rig
from fork_project import ADDONS, CONFIRMED, FORK, ForkProject
from trap_door import TrapDoor

COPYING = f"data_copy.{FORK}/DATABASE: copy: schema"


class CutForks(ForkProject, DockerProject):
    """The shop in us; each engine is reached by a door of its own, which can be shut."""

    def __init__(self, rig: DockerRig, doors: Path) -> None:
        super().__init__(rig)
        self.doors: dict[str, tuple[TrapDoor, Path]] = {}
        for name, host in (("us", rig.us), ("eu", rig.eu)):
            path = doors / name
            self.doors[name] = (TrapDoor(host.url.removeprefix("unix://"), path), path)
            self.regions[name]["host"] = f"unix://{path}"

    def start(self, rows: int = 2000) -> None:
        self.copy_source("echo")
        web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1, "health": "/healthz"}
        self.app("echo", source={"path": "./echo"}, formation={"web": web}, addons=ADDONS[:1])
        self.apply()
        self.sql(
            "echo",
            "CREATE TABLE orders (id bigserial PRIMARY KEY, item text NOT NULL);"
            f"INSERT INTO orders (item) SELECT repeat(md5(i::text), 8) FROM generate_series(1, {rows}) i",
        )

    def shut(self, name: str) -> None:
        """Nobody comes in any more, and whoever is in is out."""
        door, path = self.doors[name]
        path.rename(path.with_suffix(".shut"))
        door.cut_off()

    def opened(self, name: str) -> None:
        _, path = self.doors[name]
        path.with_suffix(".shut").rename(path)

    def close(self) -> None:
        super().close()
        for door, _ in self.doors.values():
            door.close()


@pytest.fixture(scope="module")
def shop() -> Iterator[CutForks]:
    doors = Path(tempfile.mkdtemp(prefix="dpaas-doors-"))
    with docker_rig() as rig:
        found = CutForks(rig, doors)
        try:
            found.start(20_000)
            yield found
        finally:
            found.close()
            shutil.rmtree(doors)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("side", ["us", "eu"])
def test_a_cut_connection_fails_the_copy_and_the_next_apply_makes_the_fork(shop: CutForks, side: str) -> None:
    before, engine = shop.checksum("echo"), sorted(shop.left()["us"])
    shop.declare_fork(region="eu", data={"DATABASE": "copy"})

    def cut(process: subprocess.Popen[str]) -> None:
        shop.shut(side)

    code, told = shop.interrupted_at(COPYING, cut)
    shop.opened(side)
    assert code == 1, told
    assert f"release.{FORK}" not in shop.recorded()
    shop.apply()
    assert shop.checksum(FORK) == shop.checksum("echo") == before
    assert [copy["rows"] for copy in shop.copies()] == [20_000]
    assert shop.get(FORK)[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    assert sorted(shop.left()["us"]) == engine
    shop.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED[:2])
    assert [name for name in shop.left()["eu"] if FORK in name] == []
