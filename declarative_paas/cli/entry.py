"""Where `dpaas` begins. Imports nothing heavy: `dpaas --version` must cost what bare Python costs."""

from __future__ import annotations

import gc
import os
import sys

from declarative_paas import __version__


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"dpaas {__version__}")
        return
    # What a plan makes has no cycles, and lives until its end: by default Python would walk through all of it
    # again and again, a third of the time of a large plan. Commands that run for long still collect, at times.
    gc.set_threshold(2_000_000, 20, 50)
    # Looking for plugins of other packages costs every start some 10 ms, and none belongs into manifests.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from declarative_paas.cli.run import run

    code = run(arguments)
    gc.freeze()  # nor is it worth a walk when everything is about to go
    sys.exit(code)
