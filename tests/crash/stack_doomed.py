"""`dpaas stack build`, killed at each thing that it has an engine do, and run again: one stack, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from docker_doomed import AFTER_CHANGES, BEFORE_CHANGES
from docker_rig import RigHost
from kill_loop import Inventory, KillPoint, Report, Verdict
from project import DPAAS
from trap_door import AFTER, BEFORE, TrapDoor

from declarative_paas.providers.docker.engine import stack

NAME: Final = "crash"
SIDES: Final = {BEFORE: BEFORE_CHANGES, AFTER: AFTER_CHANGES}
PLATFORM: Final = """
kind: Platform
metadata: {{name: acme}}
spec: {{regions: {{us: {{provider: docker, jurisdiction: US, host: "unix://{socket}"}}}}}}
"""


class StackDoomed:
    """On an engine that nobody else uses. Its root filesystem is tiny: the programs that a stack needs by their names,
    in one static busybox."""

    def __init__(self, host: RigHost) -> None:
        self._host = host
        self._directory = Path(tempfile.mkdtemp(prefix="dpaas-stack-"))
        self._rootfs = self._directory / "rootfs"
        programs = self._rootfs / "bin"
        programs.mkdir(parents=True)
        shutil.copy(str(shutil.which("busybox")), programs / "busybox")
        for name in stack.NEEDED:
            (programs / name).symlink_to("busybox")
        socket = self._directory / "engine.sock"
        (self._directory / "dpaas.yaml").write_text(PLATFORM.format(socket=socket))
        self._door = TrapDoor(host.url.removeprefix("unix://"), socket)

    def close(self) -> None:
        self._forget()
        self._door.close()
        shutil.rmtree(self._directory)

    def builds(self, side: str, numbers: Callable[[int], range] = lambda changes: range(1, changes + 1)) -> Report:
        """Killed before, or after, each of the changes with these numbers."""
        report = Report("stack build", SIDES[side])
        self._forget()
        self._door.arm()
        assert self._run().returncode == 0
        changes, expected = self._door.changes, self._inventory()
        for at in numbers(changes):
            self._forget()
            verdict = Verdict(KillPoint(way=report.way, at=at), self._run_killed(at, side))
            again = self._run()
            if again.returncode != 0:
                verdict.other.append(f"the next ended with {again.returncode}: {again.stdout}{again.stderr}")
            verdict.compare(self._inventory(), expected)
            report.add(verdict)
        return report

    def _run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(), cwd=self._directory, capture_output=True, text=True)

    def _run_killed(self, at: int, side: str) -> bool:
        self._door.arm(at, side)
        with subprocess.Popen(
            self._command(), cwd=self._directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while not self._door.reached.wait(0.01) and process.poll() is None:
                pass
            process.kill()
        self._door.arm()
        return self._door.reached.is_set() or process.returncode == -9

    def _command(self) -> list[str]:
        return [DPAAS, "stack", "build", "--rootfs", str(self._rootfs), "--name", NAME]

    def _inventory(self) -> Inventory:
        """Everything on the engine."""
        with self._host.open() as engine:
            api: Any = engine.api
            return {
                "containers": [item["Image"] for item in api.containers(all=True)],
                "images": sorted(str(sorted(item["RepoTags"] or ["<none>"])) for item in api.images()),
            }

    def _forget(self) -> None:
        """The stack that was made, whatever else there is."""
        with self._host.open() as engine:
            for made in stack.list_stacks(engine):
                if NAME in made.names:
                    engine.api.remove_image(f"{stack.REPOSITORY}:{NAME}")
                    engine.api.remove_image(made.reference)
