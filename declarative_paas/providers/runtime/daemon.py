"""The supervisord process itself: starting it, finding a dead one's remains, making an end of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.wholefile import write_whole

_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""What supervisord, and so every server, inherits of our environment. Nothing else: it may hold secrets."""

_START_S = 30.0


class DaemonError(Exception):
    """supervisord did not start, or does not end. Says what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A supervisord by its files: `configuration`, and beside it the pid file and the epoch file."""

    configuration: Path

    @property
    def _pid_file(self) -> Path:
        return self.configuration.with_name("supervisord.pid")

    @property
    def _epoch_file(self) -> Path:
        return self.configuration.with_name("epoch")

    @property
    def _socket(self) -> Path:
        return self.configuration.with_name("supervisor.sock")

    def start(self) -> None:
        """Starts it, detached from us and our terminal. Raises DaemonError."""
        # Before the start: a pid file is believed only together with the epoch it was written in.
        write_whole(self._epoch_file, processes.epoch())
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        # The package may be run from a checkout; its runners must find it too.
        checkout = str(Path(__file__).resolve().parents[3])
        path = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
        environment["PYTHONPATH"] = os.pathsep.join([*path, checkout])
        environment["PYTHONUTF8"] = "1"
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(self.configuration)],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                timeout=_START_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DaemonError("supervisord did not start") from None
        if done.returncode != 0:
            said = done.stdout.decode("utf-8", "replace").strip()
            raise DaemonError(f"supervisord did not start: {said[-1000:]}")

    def recorded_pid(self) -> int | None:
        """The pid it wrote down, if that was since the machine (or container) came up.

        Where a cleaner of temporary files took the pid file, a living one is found by its command line.
        """
        try:
            if self._epoch_file.read_text(encoding="utf-8") != processes.epoch():
                return None
            return int(self._pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return next((one.pid for one in processes.all_stats() if self._is_daemon(one)), None)

    def _is_daemon(self, one: processes.Stat) -> bool:
        return one.session == one.pid and self.is_alive(one.pid) and processes.shares_our_world(one.pid)

    def is_alive(self, pid: int) -> bool:
        """Whether that pid is this very supervisord, and not another process that got its number."""
        return processes.is_alive(pid) and str(self.configuration) in processes.command_line(pid)

    def orphans(self, pid: int) -> list[int]:
        """What the dead supervisord `pid` left running: the processes of its session.

        It leads a session named by its pid, and its children stay in it. The kernel does not reuse the
        number while any of them lives; so when the number is in use again, none is left.
        """
        if processes.is_alive(pid) and not self.is_alive(pid):
            return []
        return [one.pid for one in processes.all_stats() if one.session == pid and one.pid != pid and not one.is_zombie]

    def end(self, stop_signal: Callable[[str], int], patience_s: float) -> None:
        """Makes an end of an unreachable supervisord and of all it left running, and removes its files.

        `stop_signal` names the signal a program wants, by the program's name. Whoever still runs
        after `patience_s` is killed.
        """
        pid = self.recorded_pid()
        if pid is not None:
            self._end_processes(pid, stop_signal, patience_s)
        for file in (self._pid_file, self._socket):
            file.unlink(missing_ok=True)

    def _end_processes(self, pid: int, stop_signal: Callable[[str], int], patience_s: float) -> None:
        # A process that is ending has lost its command line already, and keeps its pid a little longer: it
        # must not be taken for a stranger that got the number.
        wait_until(lambda: not processes.is_alive(pid) or processes.command_line(pid) != [], 5.0)
        if self.is_alive(pid):
            # Alone, so that it restarts nothing; its programs are asked to end next, each in its own way.
            _signal((pid,), signal.SIGKILL)
            wait_until(lambda: not processes.is_alive(pid), 5.0)
        orphans = self.orphans(pid)
        for orphan in orphans:
            if os.getpgid(orphan) == orphan:
                _signal((orphan,), stop_signal(_program_name(orphan)))
        if not wait_until(lambda: not self.orphans(pid), patience_s):
            # Again and again: a process may fork while the others are being killed.
            wait_until(lambda: not self._kill(self.orphans(pid)), 5.0)

    def _kill(self, orphans: list[int]) -> bool:
        """With all below them: a dyno's processes have a session of their own. Whether there was any."""
        below = [pid for orphan in orphans for pid in processes.descendants(orphan)]
        return _signal(orphans, signal.SIGKILL) | _signal(below, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Polls; whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True


def _signal(pids: Iterable[int], number: int) -> bool:
    """Whether there was anyone to send it to."""
    sent = False
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            sent = True
    return sent


def _program_name(pid: int) -> str:
    """supervisord names the program in its environment; a server that overwrites its title hides that."""
    prefix = b"SUPERVISOR_PROCESS_NAME="
    for pair in processes.environment(pid):
        if pair.startswith(prefix):
            return pair.removeprefix(prefix).decode("ascii", "replace")
    return ""
