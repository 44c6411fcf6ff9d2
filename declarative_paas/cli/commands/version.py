"""`dpaas version`."""

from __future__ import annotations

import platform

from declarative_paas import __version__
from declarative_paas.cli.commands.index import command_group

app = command_group()


@app.command("version")
def version() -> None:
    """Print the versions that a bug report needs.

    Example: dpaas version
    """
    print(f"dpaas {__version__}")
    print(f"python {platform.python_version()} on {platform.system().lower()} {platform.machine()}")
