"""A command that provisions one add-on and is killed at a chosen point: run by the crash tests as a process of its own.

Arguments: the region's place, the service, the key, and the point (`port`, `start`, `progress`, `never`).
The servers it started run on, as they do when a supervisor is killed with it.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from addons_region import SubprocessHost, region_at

from declarative_paas.providers.addons.driver import AddonInstance
from declarative_paas.providers.addons.server import ServerProcess
from declarative_paas.providers.addons.table import DRIVERS


def killed(*_: object) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return signal.pause() or 0


class KilledHost(SubprocessHost):
    def start(self, process: ServerProcess) -> None:
        killed(process)


def main(place: Path, service: str, key: str, point: str) -> None:
    region = region_at(place)
    if point == "port":
        region = replace(region, allocate_port=killed)
    if point == "start":
        region = replace(region, processes=KilledHost(place / "logs"))
    progress = killed if point == "progress" else str
    instance = AddonInstance(app="shop", alias="DATA", key=key, service=service)
    DRIVERS[service].provision(region, instance, progress)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
