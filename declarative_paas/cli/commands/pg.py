"""`dpaas pg`: PostgreSQL add-ons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.app import AppArgument
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.reaching import reach_app

if TYPE_CHECKING:
    from declarative_paas.operations.backups import BackupStore
    from declarative_paas.workflow.project import Project

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


@app.command("backup")
@reads_manifests
def backup(
    inputs: ManifestInputs,
    database: Annotated[str, typer.Argument(metavar="APP[/ALIAS]", help="The database. Default alias: DATABASE.")],
) -> None:
    """Back a database up: a consistent dump, read back before it counts, in `.dpaas/backups` of the project.

    The app goes on meanwhile. The file holds the data in clear and is readable by you alone.

    Example: dpaas pg backup shop
    """
    name, alias = _database(database)
    with inputs.world() as world:
        reach = reach_app(world, name)
        made = _store(world.project).make(reach, world.project.scope, name, alias, world.clock.now())
    print(f"{made.name}: {_size(made.size_bytes)}, {made.entries} entries")


@app.command("backups")
@reads_manifests
def backups(
    inputs: ManifestInputs,
    database: Annotated[
        str | None, typer.Argument(metavar="[APP[/ALIAS]]", help="Only this app's or database's. Default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List backups, newest first: their names, databases, times and sizes.

    Example: dpaas pg backups shop
    """
    found = _store(inputs.project()).all()
    if database is not None:
        name, alias = _database(database)
        found = [item for item in found if item.app == name and ("/" not in database or item.alias == alias)]
    if as_json:
        print(json.dumps({"format": 1, "backups": [item.to_json() for item in found]}, indent=2))
    elif found:
        rows = [
            [item.name, f"{item.app}/{item.alias}", item.environment, item.created_at, _size(item.size_bytes)]
            for item in found
        ]
        print(columns(["backup", "database", "environment", "created", "size"], rows))
    else:
        print("No backups.")


@app.command("restore")
@reads_manifests
def restore(
    inputs: ManifestInputs,
    backup: Annotated[str, typer.Argument(metavar="BACKUP", help="A name that `dpaas pg backups` lists.")],
    to: Annotated[str, typer.Option("--to", metavar="APP[/ALIAS]", help="The database to fill.")],
    confirm: Annotated[
        list[str] | None,
        typer.Option("--confirm", metavar="ADDR", help="Agree that this database's content is replaced."),
    ] = None,
) -> None:
    """Fill a database from a backup. Over one that holds something, `--confirm` must name it.

    All of it is restored beside the database and takes its place at the end, or nothing changes. The app's
    connections are ended then; its address and password stay.

    Example: dpaas pg restore shop-DATABASE-20260301T120000Z --to shop --confirm addon.shop/DATABASE
    """
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.operations.backups import missing_consent

    name, alias = _database(to)
    with inputs.world() as world:
        store = _store(world.project)
        found = store.find(backup)
        if isinstance(found, Diagnostic):
            report.fail(found)
        reach = reach_app(world, name)
        refusal = missing_consent(reach, name, alias, confirm or [])
        if refusal is not None:
            report.fail(refusal)
        store.restore(found, reach, name, alias)
    print(f"{name}/{alias} holds what {found.app}/{found.alias} held at {found.created_at}.")


def _database(text: str) -> tuple[str, str]:
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.operations.backups import parse_database

    parsed = parse_database(text)
    if isinstance(parsed, Diagnostic):
        report.fail(parsed)
    return parsed


def _store(project: Project) -> BackupStore:
    from declarative_paas.operations.backups import BackupStore

    return BackupStore(project.home / "backups")


def _size(count: int) -> str:
    """`512 B`, `1.5 MB`: powers of 1000."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
