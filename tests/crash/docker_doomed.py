"""The kill loop on a real Docker engine: commands are killed, or the engine is, and all is made good.

The audit asks the engine, by labels, and `dpaas gc` for what belongs to nothing.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from docker_project import DockerProject, region_on
from docker_rig import DockerRig, RigHost, kill_engine, start_engine
from kill_loop import MOMENTS, Inventory, KillLoop, KillPoint, Whole, sampled
from project import DPAAS
from trap_door import AFTER, BEFORE, TrapDoor

BEFORE_CHANGES, AFTER_CHANGES = f"{BEFORE} change", f"{AFTER} change"
WAYS: Final = (MOMENTS, BEFORE_CHANGES, AFTER_CHANGES)
"""At a moment; when the engine has not heard yet of the n-th change, or when it has made it and nobody knows."""

PATIENCE_S = 120.0


class DockerDoomed(KillLoop):
    """On one of the rig's engines. Each command goes by a door, which knows how far it has come."""

    def __init__(self, rig: DockerRig, host: RigHost | None = None) -> None:
        self.host = host or rig.us
        self._docker_project = DockerProject(rig)
        del self._docker_project.regions["eu"]
        region = self._docker_project.regions["us"] = region_on(self.host, "US")
        path = self._docker_project.directory / "engine.sock"
        self.door = TrapDoor(self.host.url.removeprefix("unix://"), path)
        region["host"] = f"unix://{path}"
        super().__init__(self._docker_project)

    def close(self) -> None:
        super().close()
        self.door.close()

    def left(self) -> Inventory:
        return {self.host.name: self._docker_project.left_on(self.host)}

    def inventory(self) -> Inventory:
        """Slugs are kept for rollbacks: that none is kept for nothing is what counts. Release numbers are left out: a
        release that was killed keeps its number."""
        mine = {"label": [f"dpaas.platform={self.project.name}"]}
        with self.host.open() as engine:
            api: Any = engine.api
            containers = [
                f"{item['Labels']['dpaas.role']} {_named(item['Labels'].get('dpaas.instance', ''))} {item['State']}"
                for item in api.containers(all=True, filters=mine)
            ]
            networks = [_named(item["Name"]) for item in api.networks(filters=mine)]
            volumes = [_named(item["Name"]) for item in api.volumes(filters=mine)["Volumes"] or []]
        return {
            "containers": sorted(containers),
            "networks": sorted(networks),
            "volumes": sorted(volumes),
            "left over": [line for line in self.project.dpaas("gc").stdout.splitlines() if "left over" not in line],
        }

    def points(self, way: str, whole: Whole, count: int) -> Sequence[KillPoint]:
        if way == MOMENTS:
            return super().points(way, whole, count)
        return [KillPoint(way=way, at=round(at)) for at in sampled(whole.changes, count) if round(at)]

    def count_changes(self) -> None:
        self.door.arm()

    def changes(self) -> int:
        return self.door.changes

    def run_killed(self, point: KillPoint, *arguments: str) -> bool:
        if point.way == MOMENTS:
            return super().run_killed(point, *arguments)
        self.door.arm(int(point.at), AFTER if point.way == AFTER_CHANGES else BEFORE)
        process = self.begin(*arguments)
        try:
            reached = self._is_reached(process)
            if reached:
                self.strike(process)
        finally:
            process.kill()
            process.wait()
            self.door.arm()
        return reached

    def strike(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()

    def _is_reached(self, process: subprocess.Popen[bytes]) -> bool:
        """False when the command has come to its end before."""
        for _ in range(round(PATIENCE_S / 0.01)):
            if self.door.reached.wait(0.01):
                return True
            if process.poll() is not None:
                return False
        raise AssertionError("the command neither came to its end nor to its kill point")


class EngineDoomed(DockerDoomed):
    """The engine and all that it runs is killed under the command, which must tell of it; then it is started again."""

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._said.open("wb") as said:
            return subprocess.Popen(
                [DPAAS, *arguments],
                cwd=self.project.directory,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def strike(self, process: subprocess.Popen[bytes]) -> None:
        kill_engine(self.host)
        self.door.cut_off()
        try:
            status = process.wait(PATIENCE_S)
        finally:
            start_engine(self.host)
        said = self._said.read_text()
        assert status == 1 and "error" in said and "Traceback" not in said, f"ended with {status}:\n{said}"

    @property
    def _said(self) -> Path:
        return self.project.directory / "said.txt"


def _named(name: str) -> str:
    """Without what differs from one apply to the next: a dyno's release and fingerprint, an add-on's random id, and
    the digest at the end of a name that has it within."""
    plain = re.sub(r"(^|[.-])[0-9a-f]{10}\b", r"\1ID", re.sub(r"\.v\d+\.", ".vN.", name))
    return re.sub(r"-[0-9a-f]{8}$", "-DIGEST", plain)
