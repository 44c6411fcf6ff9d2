"""`dpaas config`: an app's environment as its current release has it."""

from __future__ import annotations

from typing import Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.app import AppArgument
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.reaching import reach_app

app = command_group()

MASK = "********"


@app.callback()
def config() -> None:
    """Read an app's config vars, those of its add-ons too. They are set in its manifest.

    Example: dpaas config get shop DATABASE_URL
    """


@app.command("list")
@reads_manifests
def list_config(
    inputs: ManifestInputs,
    app: AppArgument,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the values too, secrets in clear.")] = False,
) -> None:
    """List an app's config vars, values hidden.

    Example: dpaas config list shop --reveal
    """
    with inputs.world() as world:
        found = reach_app(world, app).config(app)
    rows = [[key, value if reveal else MASK] for key, value in sorted(found.items())]
    print(columns(["key", "value"], rows) if rows else f"{app} has no config vars.")


@app.command("get")
@reads_manifests
def get_config(
    inputs: ManifestInputs,
    app: AppArgument,
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="The config var. Default: list all names.")] = None,
) -> None:
    """Print one config var's value, in clear; without KEY, the names.

    Example: dpaas config get shop LOG_LEVEL
    """
    with inputs.world() as world:
        found = reach_app(world, app).config(app)
    if key is None:
        for name in sorted(found):
            print(name)
        return
    if key not in found:
        from declarative_paas.core.diagnostic import nearest

        report.refuse("unknown-config-key", f"{app} has no config var {key!r}", suggestion=nearest(key, found))
    print(found[key])
