"""Where `dpaas` begins. Imports nothing heavy: `dpaas --version` must cost what bare Python costs."""

from __future__ import annotations

import os
import sys

from declarative_paas import __version__


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"dpaas {__version__}")
        return
    # Looking for plugins of other packages costs every start some 10 ms, and none belongs into manifests.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from declarative_paas.cli.run import run

    sys.exit(run(arguments))
