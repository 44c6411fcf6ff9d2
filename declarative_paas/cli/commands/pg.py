"""`dpaas pg`: PostgreSQL add-ons."""

from __future__ import annotations

from typing import Annotated

import typer

from declarative_paas.cli.commands.app import AppArgument
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.reaching import reach_app

app = command_group()


@app.callback()
def pg() -> None:
    """Work with an app's PostgreSQL databases.

    Example: dpaas pg psql shop
    """


@app.command("psql", context_settings={"allow_interspersed_args": False})
@reads_manifests
def psql(
    inputs: ManifestInputs,
    app: AppArgument,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PSQL_ARGS...]", help="Arguments of psql itself.")
    ] = None,
    alias: Annotated[str, typer.Option("--alias", metavar="ALIAS", help="The add-on's name in the app.")] = "DATABASE",
) -> None:
    """Open an SQL shell on an app's database. Options go before APP; the exit code is psql's.

    Example: dpaas pg psql --alias REPORTS shop -- -c 'select count(*) from orders'
    """
    words = list(arguments or [])
    words = words[1:] if words and words[0] == "--" else words
    with inputs.world() as world:
        code = reach_app(world, app).psql(app, alias, words)
    raise typer.Exit(code)
