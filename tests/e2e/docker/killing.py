"""Commands that are followed line by line, so that something happens to them, or under them, at a chosen instant."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

from docker_project import DockerProject
from project import DPAAS


def kill(command: subprocess.Popen[str]) -> None:
    command.send_signal(signal.SIGKILL)


def at_instant(
    project: DockerProject, arguments: list[str], instant: str, action: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str]:
    """Runs `dpaas`, does something when it tells that it has come so far; its end, and all that it said."""
    with subprocess.Popen(
        [DPAAS, *arguments],
        cwd=project.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
    ) as command:
        assert command.stdout is not None
        said, reached = "", False
        try:
            for line in command.stdout:
                said += line
                if instant in line and not reached:
                    reached = True
                    action(command)
        finally:
            command.kill()
    assert reached, f"dpaas {arguments[0]} never told {instant!r}:\n{said}"
    return command.returncode, said
