"""One supervisord a region: what a command starts here goes on when the command has ended."""

from __future__ import annotations

import os
import re
import resource
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from declarative_paas.providers import filelock
from declarative_paas.providers.runtime import rpc
from declarative_paas.providers.runtime.daemon import Daemon, DaemonError, wait_until
from declarative_paas.providers.runtime.definitions import Definitions
from declarative_paas.providers.runtime.programs import (
    GONE,
    Program,
    ProgramState,
    ProgramStatus,
    supervisor_ini,
)
from declarative_paas.providers.wholefile import write_whole

_OPEN_FILES = 4096
_LONGEST_RUN_DIRECTORY = 70
"""A socket's path has some 104 bytes, and supervisord appends its pid to it while it starts."""


class SupervisorError(Exception):
    """A supervisord that does not start, does not answer, or refuses. Says why."""


class RegionSupervisor:
    """Starts, watches and stops a region's programs.

    `directory` holds their definitions (`conf.d/NAME.ini`) and logs, and may be any path. `run_directory`
    is short, holds the socket and the pid file, is made with mode 0700, and may vanish in a reboot.
    `identifier` tells supervisords apart. Safe for several threads and processes at once.
    """

    def __init__(self, directory: Path, run_directory: Path, identifier: str) -> None:
        if len(os.fsencode(run_directory)) > _LONGEST_RUN_DIRECTORY or not re.fullmatch(
            r"/[A-Za-z0-9._/+@-]+", str(run_directory)
        ):
            raise ValueError(f"not a short, plain, absolute run directory: {run_directory}")
        if not re.fullmatch(r"[A-Za-z0-9._-]+", identifier):
            raise ValueError(f"not a supervisor identifier: {identifier!r}")
        self._definitions = Definitions(directory=directory.absolute(), run=run_directory)
        self._run = run_directory
        self._identifier = identifier
        self._daemon = Daemon(configuration=run_directory / "supervisord.conf")
        self._socket = run_directory / "supervisor.sock"

    # --- the supervisord ---

    def ensure_running(self) -> None:
        """Starts supervisord, and with it all programs put earlier, unless it runs.

        What a killed one left running is ended first, so that nothing ever runs twice. Raises SupervisorError.
        """
        self._definitions.make_directories()
        with filelock.held(self._run / "lock"):
            if self.is_running():
                return
            self._daemon.end(self._definitions.stop_signal, self._definitions.longest_stop_wait_s() + 5.0)
            self._write_configuration()
            self._definitions.make_log_directories()
            try:
                self._daemon.start()
            except DaemonError as wrong:
                raise SupervisorError(str(wrong)) from wrong
            if not wait_until(self.is_running, 20.0):
                raise SupervisorError(f"supervisord of {self._identifier} started but does not answer")

    def is_running(self) -> bool:
        """Whether it answers. Raises SupervisorError when another region's answers at its socket."""
        if not self._socket.exists():
            return False
        try:
            found = str(rpc.call(self._socket, "getIdentification"))
        except (rpc.Unreachable, rpc.Fault):
            return False
        if found != self._identifier:
            raise SupervisorError(f"the supervisord at {self._socket} is of {found}, not of {self._identifier}")
        return True

    def pid(self) -> int | None:
        """supervisord's process; None when it does not run."""
        return int(self._call("getPID")) if self.is_running() else None

    def shutdown(self, timeout_s: float = 60.0) -> None:
        """Stops all programs, the highest priority number first, and then supervisord; all are gone after.

        Whoever still runs after `timeout_s` is killed. Nothing happens when nothing runs. The
        definitions stay: `ensure_running` starts all of it again.
        """
        if not self._run.is_dir():
            return
        with filelock.held(self._run / "lock"):
            if self.is_running():
                pid = int(self._call("getPID"))
                # supervisord's own shutdown would wait for each program in turn, however long.
                if self._stop_tiers(timeout_s):
                    self._call("shutdown")
                    wait_until(lambda: not self._daemon.is_alive(pid), 10.0)
                self._daemon.end(self._definitions.stop_signal, 0.0)
            else:
                self._daemon.end(self._definitions.stop_signal, timeout_s)

    # --- its programs ---

    def put(self, program: Program) -> None:
        """Has the program run as defined: started when new or stopped, replaced when its definition changed.

        Returns once it has been started, not once it is running: see `wait_state`. Raises SupervisorError.
        """
        with filelock.held(self._definitions.lock(program.name)):
            self._definitions.write(program)
            changed = self._reload()
            # Asked, not remembered: an earlier put may have been killed between writing and replacing.
            if program.name in changed:
                self._discard(program.name, self._definitions.stop_wait_s(program.name))
            self._call_unless(rpc.ALREADY_ADDED, "addProcessGroup", program.name)
            self._call_unless(rpc.ALREADY_STARTED, "startProcess", program.name, False)

    def remove(self, name: str) -> None:
        """Stops the program, waits until it is gone, forgets it. Fine when there is none. Raises SupervisorError."""
        with filelock.held(self._definitions.lock(name)):
            patience = self._definitions.stop_wait_s(name)
            # First: should we be killed next, a later start of supervisord must not bring it back.
            self._definitions.forget(name)
            if self.is_running():
                self._discard(name, patience)

    def restart(self, name: str) -> None:
        """Stops the program, waits until it is gone, starts it. Raises SupervisorError."""
        with filelock.held(self._definitions.lock(name)):
            self._stop(name, self._definitions.stop_wait_s(name))
            self._call_unless(rpc.ALREADY_STARTED, "startProcess", name, False)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to the program's process. Raises SupervisorError when it does not run."""
        self._call("signalProcess", name, str(int(number)))

    def log_file(self, name: str) -> Path:
        """Where a program writes to that has no log of its own; it may not be there."""
        return self._definitions.log_file(name)

    def programs(self) -> Mapping[str, ProgramStatus]:
        """All programs by name, in one call. Raises SupervisorError when supervisord does not answer."""
        return {status.name: status for status in map(_status, self._call("getAllProcessInfo"))}

    def wait_state(self, name: str, states: Collection[ProgramState], timeout_s: float) -> ProgramStatus:
        """The program's status as soon as its state is one of `states`. Raises SupervisorError at the timeout."""
        last: ProgramStatus | None = None

        def reached() -> bool:
            nonlocal last
            last = self.programs().get(name)
            return last is not None and last.state in states

        if wait_until(reached, timeout_s) and last is not None:
            return last
        found = f"{last.state.value} ({last.description})" if last else "unknown to supervisord"
        raise SupervisorError(f"program {name} is {found} after {timeout_s:g} s")

    # --- inside ---

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return rpc.call(self._socket, method, *arguments)
        except (rpc.Unreachable, rpc.Fault) as wrong:
            raise SupervisorError(f"{self._identifier}: {wrong}") from wrong

    def _call_unless(self, refused: int, method: str, *arguments: object) -> bool:
        try:
            return rpc.call_unless(refused, self._socket, method, *arguments)
        except (rpc.Unreachable, rpc.Fault) as wrong:
            raise SupervisorError(f"{self._identifier}: {wrong}") from wrong

    def _reload(self) -> Collection[str]:
        """Has supervisord read all definitions; returns the names of programs that run by an older one."""
        try:
            _added, changed, _removed = rpc.call(self._socket, "reloadConfig")[0]
        except rpc.Fault as fault:
            if fault.code != rpc.CANT_REREAD:
                raise SupervisorError(f"{self._identifier}: {fault}") from fault
            self._definitions.make_log_directories()
            _added, changed, _removed = self._call("reloadConfig")[0]
        except rpc.Unreachable as wrong:
            raise SupervisorError(f"{self._identifier}: {wrong}") from wrong
        return [str(name) for name in changed]

    def _discard(self, name: str, patience_s: float) -> None:
        """Stops the program and has supervisord forget it."""
        for _ in range(10):
            self._stop(name, patience_s)
            try:
                rpc.call_unless(rpc.BAD_NAME, self._socket, "removeProcessGroup", name)
            except rpc.Fault as fault:
                # It had just ended by itself, and supervisord started it again before it heard of us.
                if fault.code != rpc.STILL_RUNNING:
                    raise SupervisorError(f"{self._identifier}: {fault}") from fault
            except rpc.Unreachable as wrong:
                raise SupervisorError(f"{self._identifier}: {wrong}") from wrong
            else:
                return
        raise SupervisorError(f"program {name} starts again each time it is stopped")

    def _stop(self, name: str, patience_s: float) -> None:
        """Returns when no process of the program is left; supervisord itself kills it after its own patience."""
        self._ask_to_stop(name)
        # Not by the answer: somebody else may be stopping it just now.
        if not wait_until(partial(self._all_gone, (name,)), patience_s + 15.0):
            raise SupervisorError(f"program {name} does not end, not even by SIGKILL")

    def _stop_tiers(self, timeout_s: float) -> bool:
        """Stops tier after tier, each tier's programs at once; whether all were gone in time."""
        deadline = time.monotonic() + timeout_s
        tiers: dict[int, list[str]] = {}
        for one in self._call("getAllConfigInfo"):
            tiers.setdefault(int(one["group_prio"]), []).append(str(one["name"]))
        for _, names in sorted(tiers.items(), reverse=True):
            for name in names:
                self._ask_to_stop(name)
            if not wait_until(partial(self._all_gone, names), deadline - time.monotonic()):
                return False
        return True

    def _ask_to_stop(self, name: str) -> None:
        """Does not wait. Fine when it is not running, or unknown."""
        try:
            rpc.call(self._socket, "stopProcess", name, False)
        except rpc.Fault as fault:
            if fault.code not in (rpc.NOT_RUNNING, rpc.BAD_NAME):
                raise SupervisorError(f"{self._identifier}: {fault}") from fault
        except rpc.Unreachable as wrong:
            raise SupervisorError(f"{self._identifier}: {wrong}") from wrong

    def _all_gone(self, names: Iterable[str]) -> bool:
        programs = self.programs()
        return all(name not in programs or programs[name].state in GONE for name in names)

    def _write_configuration(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        text = supervisor_ini(
            run_directory=str(self._run),
            identifier=self._identifier,
            open_files=_OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard),
            as_root=os.geteuid() == 0,
        )
        write_whole(self._daemon.configuration, text)


def _status(info: Mapping[str, Any]) -> ProgramStatus:
    state = ProgramState(info["statename"])
    return ProgramStatus(
        name=str(info["name"]),
        state=state,
        pid=int(info["pid"]) or None,
        started_at=int(info["start"]) or None,
        exit_status=int(info["exitstatus"]) if state is ProgramState.EXITED else None,
        description=str(info["description"] or info["spawnerr"]),
    )
