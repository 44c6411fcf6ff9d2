"""Add-on servers and dynos as programs of the region's supervisor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from declarative_paas.providers.addons.server import ServerProcess
from declarative_paas.providers.runtime.programs import Program
from declarative_paas.providers.runtime.supervisor import RegionSupervisor

LAST_BYTES: Final = 65536
"""So much of a server's log is looked at."""


class SupervisedHost:
    """The add-on drivers' `ProcessHost`, over supervisord."""

    def __init__(self, supervisor: RegionSupervisor) -> None:
        self._supervisor = supervisor

    def start(self, process: ServerProcess) -> None:
        self._supervisor.ensure_running()
        self._supervisor.put(
            Program(
                name=process.name,
                command=process.command,
                directory=process.directory,
                user=process.user,
                environment=process.environment,
                priority=200,
                stop_signal=process.stop_signal,
                stop_wait_s=process.stop_wait_s,
            )
        )

    def stop(self, name: str) -> None:
        if self._supervisor.is_running():
            self._supervisor.remove(name)

    def running(self) -> set[str]:
        if not self._supervisor.is_running():
            return set()
        return {name for name, status in self._supervisor.programs().items() if status.pid is not None}

    def last_lines(self, name: str) -> Sequence[str]:
        try:
            with self._supervisor.log_file(name).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_BYTES))
                return log.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return ()
