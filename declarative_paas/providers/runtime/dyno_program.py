"""The supervised program that a dyno is: its runner."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from declarative_paas.providers.runtime.programs import Program
from declarative_paas.providers.runtime.spec import DynoSpec

_MARGIN_S = 15
"""How much longer supervisord waits for a runner than the runner for its dyno: it has a file system to remove."""


def dyno_program(name: str, spec: DynoSpec, spec_file: Path, *, priority: int = 800) -> Program:
    """The program `name` that runs the dyno of `spec`, saved as `spec_file`.

    The runner keeps our own uid, which may read the key; it drops to the dyno's for the command.
    """
    return Program(
        name=name,
        command=(sys.executable, "-P", "-m", "declarative_paas.providers.runtime.runner", str(spec_file)),
        directory=Path("/"),
        # One malloc arena and no bytecode of its own making: there are many of these.
        environment={"MALLOC_ARENA_MAX": "1"},
        priority=priority,
        stop_wait_s=math.ceil(spec.stop_timeout_s) + _MARGIN_S,
    )
