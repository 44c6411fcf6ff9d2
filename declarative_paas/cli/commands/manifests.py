"""`dpaas init`, `validate`, `fmt` and `schema`: what is done with manifests alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.report import DiagnosticFormat

app = command_group()


@app.command("init")
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write; made if needed.")] = Path(),
    origin: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="An app.json, Procfile or heroku.yml to start from; repeatable."),
    ] = None,
) -> None:
    """Write a first manifest, dpaas.yaml. Never overwrites a file.

    Example: dpaas init --from app.json --from Procfile
    """
    from declarative_paas.core.diagnostic import has_errors
    from declarative_paas.workflow.starting import start_project

    written, diagnostics = start_project(directory, origin or [])
    report.show(diagnostics)
    if has_errors(diagnostics):
        raise typer.Exit(exitcode.FAILED)
    for path in written:
        print(f"wrote {path}")
    where = "" if directory == Path() else f" -f {directory}"
    print(f"Next: edit it, then `dpaas validate{where}` and `dpaas plan{where}`.")


@app.command("validate")
@reads_manifests
def validate(
    inputs: ManifestInputs,
    diagnostics: Annotated[
        DiagnosticFormat, typer.Option(help="How to print mistakes; json and github go to stdout.")
    ] = DiagnosticFormat.TEXT,
) -> None:
    """Check manifests against the catalog, each other and what their regions can do. Contacts no region.

    Example: dpaas validate -f manifests/ --env production
    """
    from declarative_paas.core.diagnostic import has_errors
    from declarative_paas.workflow.deploy import desire
    from declarative_paas.workflow.world import open_world

    stream = sys.stderr if diagnostics is DiagnosticFormat.TEXT else sys.stdout
    project, found = inputs.open_project()
    resources = 0
    if project is not None:
        world, problems = open_world(project)
        found += problems
        try:
            if not has_errors(problems):
                desired, problems, _ = desire(world)
                resources = len(desired)
                found += problems
        finally:
            world.store.close()
    report.show(found, no_color=inputs.no_color, form=diagnostics, stream=stream)
    if project is None or has_errors(found):
        raise typer.Exit(exitcode.FAILED)
    if diagnostics is DiagnosticFormat.TEXT:
        apps = len(project.manifests.apps)
        print(
            f"Valid: platform {project.scope.platform}, {apps} {'app' if apps == 1 else 'apps'}, {resources} resources."
        )


@app.command("fmt")
def fmt(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATHS]...", help="Files, or directories of them. Default: `.`.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file is not formatted.")] = False,
) -> None:
    """Rewrite manifests in their canonical form, comments kept, and print which ones changed.

    Example: dpaas fmt --check manifests/
    """
    from declarative_paas.core.diagnostic import has_errors
    from declarative_paas.workflow.formatting import format_files, write_formatted

    formatted, diagnostics = format_files(paths or [Path()])
    changed = [one for one in formatted if one.changed]
    for one in changed:
        if not check:
            write_formatted(one)
        print(one.path)
    diagnostics += [mistake for one in formatted for mistake in one.diagnostics]
    report.show(diagnostics)
    if has_errors(diagnostics) or (check and changed):
        raise typer.Exit(exitcode.FAILED)


@app.command("schema")
def schema(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write.", show_default=True)] = Path(
        "schemas"
    ),
) -> None:
    """Write the JSON Schemas that editors check and complete manifests with, and that of the events of `--json`.

    Example: dpaas schema --out schemas
    """
    from declarative_paas.workflow.published_schemas import published_schemas

    out.mkdir(parents=True, exist_ok=True)
    for name, text in published_schemas().items():
        path = out / name
        path.write_text(text, encoding="utf-8")
        print(path)
