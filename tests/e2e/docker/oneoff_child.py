"""Runs one foreground command on an engine, on this process's own terminal: `URL exec|run ARGUMENTS`."""

from __future__ import annotations

import sys

from declarative_paas.providers.docker.engine.connection import EngineAddress, open_engine
from declarative_paas.providers.docker.engine.dyno_container import Dyno
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.oneoff import foreground_exec, run_foreground


def main(url: str, mode: str, target: str, platform: str, command: str) -> int:
    """`target` is a container to run the command in, or the image of a slug to run it on."""
    with open_engine(EngineAddress(host=url)) as engine:
        if mode == "exec":
            return foreground_exec(engine, target, ["/bin/sh", "-c", command])
        dyno = Dyno(
            name=f"dpaas-{platform}-run.1",
            image=target,
            command=command,
            labels=Labels(platform=platform, region="us", role="oneoff"),
            environment={"DYNO": "run.1"},
            network=None,
            memory_mb=64,
            memory_kill_mb=128,
            cpu_share=1,
            pids=64,
        )
        return run_foreground(engine, dyno)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
