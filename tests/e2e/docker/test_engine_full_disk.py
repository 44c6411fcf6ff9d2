"""An engine whose disk is full, at the worst instants of an apply: it is told, and with room again all is made good."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker_project import DockerProject, echo_project, region_on
from docker_rig import DockerRig, cramped_host
from killing import at_instant

DISK_MB = 900
"""For the stack, the servers' images, a database and two dynos."""

INSTANTS = ("starting the region's router", "$ sleep 1; true building", "formation.echo: creating")
TOLD = ("the engine's disk is full", "No space left on device")


class Disk:
    def __init__(self, place: Path) -> None:
        self._ballast = place / "ballast"

    def fill(self) -> None:
        """To its last block."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (2**20, 4096):
                with pytest.raises(OSError, match="No space left"):
                    while file.write(bytes(size)):
                        pass

    def clear(self) -> None:
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def cramped(rig: DockerRig) -> Iterator[tuple[DockerProject, Disk]]:
    with _project(rig) as found:
        yield found


@contextmanager
def _project(rig: DockerRig) -> Iterator[tuple[DockerProject, Disk]]:
    with cramped_host(rig, DISK_MB) as (host, place):
        project = echo_project(rig)
        project.regions["us"] = region_on(host, "US")
        project.app(
            "echo",
            addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}],
            source={"path": "./echo"},
            build="sleep 1; true building",
        )
        try:
            yield project, Disk(place)
        finally:
            project.close()


def fill_under(apply: subprocess.Popen[str], disk: Disk) -> None:
    """The apply waits meanwhile: filling a disk takes longer than most of its steps."""
    apply.send_signal(signal.SIGSTOP)
    disk.fill()
    apply.send_signal(signal.SIGCONT)


def test_a_full_disk_is_told_at_any_instant_and_the_next_apply_with_room_converges(
    cramped: tuple[DockerProject, Disk],
) -> None:
    project, disk = cramped
    disk.fill()
    refused = project.apply(expect=1)
    assert any(words in refused.stdout + refused.stderr for words in TOLD), refused.stdout + refused.stderr
    disk.clear()
    for instant in INSTANTS:
        status, said = at_instant(project, ["apply", "--auto-approve"], instant, lambda apply: fill_under(apply, disk))
        assert status == 1, said
        assert "Traceback" not in said
        assert any(words in said for words in TOLD), said
        disk.clear()
    project.apply()
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    assert "Nothing is left over." in project.dpaas("gc").stdout
    assert project.get("echo")[0] == 200
    # What runs goes on while there is no room, and says what is true.
    disk.fill()
    assert project.get("echo")[0] == 200
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout
    disk.clear()
    project.dpaas("destroy", "--auto-approve", "--confirm", "addon.echo/DATABASE")
