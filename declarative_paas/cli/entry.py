"""Where `dpaas` begins. Imports nothing heavy: `dpaas --version` must cost what bare Python costs."""

from __future__ import annotations

import contextlib
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
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # A read that nobody waits for any more may be in the middle of a library's own code, which an interpreter that
    # is taken down under it can crash. Nor is a walk through everything worth it when all of it is about to go.
    os._exit(code)
