"""One run of a dyno's command, from its fresh file system to the last of its processes."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from declarative_paas.providers.runtime import environment, launch, listeners, memory, processes, tree, workspace
from declarative_paas.providers.runtime.memory import Memory
from declarative_paas.providers.runtime.spec import DynoSpec


class StartError(Exception):
    """A dyno that could not even be started: its slug, environment, user or shell. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """`pid` is the command's process and its process group."""

    spec: DynoSpec
    pid: int

    @classmethod
    def start(
        cls,
        spec: DynoSpec,
        standard: tuple[int, int, int],
        *,
        controlling_terminal: bool = False,
        terminal: Mapping[str, str] | None = None,
    ) -> Instance:
        """Extracts, opens the environment, starts. `terminal` holds TERM and its like. Raises StartError."""
        try:
            become = launch.account(spec.user)
            temporary = workspace.prepare(spec, become)
            release = environment.release_environment(spec)
            if controlling_terminal and become is not None:
                # The terminal is ours by name; programs open it again by that name.
                os.fchown(standard[0], become.uid, -1)
            pid = launch.spawn(
                (*_shell(), spec.command),
                environment={**environment.dyno_environment(spec, release, temporary), **(terminal or {})},
                directory=spec.home,
                become=become,
                standard=standard,
                pids=spec.pids,
                controlling_terminal=controlling_terminal,
            )
        except (workspace.WorkspaceError, environment.ReleaseEnvironmentError, launch.LaunchError) as wrong:
            workspace.remove(spec)
            raise StartError(str(wrong)) from None
        return cls(spec=spec, pid=pid)

    def pids(self) -> list[int]:
        """Every living process of the dyno."""
        return processes.descendants(os.getpid()) or ([self.pid] if processes.is_alive(self.pid) else [])

    def memory(self) -> Memory:
        return memory.measure(self.pids())

    def running_threads(self) -> int:
        return sum(processes.running_threads(pid) for pid in self.pids())

    def listens(self) -> bool:
        """Whether the dyno itself, and no other program, has bound its port."""
        return self.spec.port is not None and listeners.listens(self.pids(), self.spec.port)

    def terminate(self) -> None:
        tree.signal_all(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        tree.kill_all(self.pid)

    def clear_up(self) -> None:
        """After the command has ended: whatever it left running, and its file system."""
        self.kill()
        workspace.remove(self.spec)


def reap() -> dict[int, int]:
    """The exit status of each child that has ended, adopted ones too."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = launch.exit_status(status)


def _shell() -> tuple[str, str]:
    """bash where there is one, as on Heroku: it also replaces itself by a simple command."""
    return shutil.which("bash", path="/bin:/usr/bin:/usr/local/bin") or "/bin/sh", "-c"


def own_start_time() -> int:
    """With our pid, names this runner for good."""
    found = processes.stat(os.getpid())
    return found.started if found else 0
