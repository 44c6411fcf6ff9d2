"""`dpaas ps`, `logs`, `run` and `open`: one app as it runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.reaching import reach_app
from declarative_paas.cli.terminal import is_terminal

if TYPE_CHECKING:
    from declarative_paas.core.provider import DynoView

app = command_group()

AppArgument = Annotated[str, typer.Argument(metavar="APP", help="The app's name.")]


@app.command("ps")
@reads_manifests
def ps(
    inputs: ManifestInputs,
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help="Only this app. Default: all.")] = None,
) -> None:
    """List dynos: what each runs, its state, release and memory.

    Example: dpaas ps shop
    """
    from declarative_paas.operations.apps import recorded_apps
    from declarative_paas.workflow.regions import reach_of

    rows: list[list[str]] = []
    with inputs.world() as world:
        if app is not None:
            rows = [_row(app, view) for view in reach_app(world, app).dynos(app)]
        else:
            for name, record in recorded_apps(world.store.snapshot(world.project.scope)).items():
                provider = world.providers.get(record.region)
                reach = None if provider is None else reach_of(provider)
                rows += [] if reach is None else [_row(name, view) for view in reach.dynos(name)]
    if rows:
        print(columns(["app", "dyno", "state", "release", "size", "memory", "since", "command"], rows))
    else:
        print("No dynos.")


@app.command("logs")
@reads_manifests
def logs(
    inputs: ManifestInputs,
    app: AppArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new lines until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option("-n", "--tail", metavar="N", min=0, help="How many lines to begin with.")] = 100,
) -> None:
    """Show what an app, its router and the platform logged.

    Example: dpaas logs shop --follow -n 20
    """
    with inputs.world() as world:
        for line in reach_app(world, app).logs(app, tail=tail, follow=follow):
            print(line, flush=follow)


@app.command("run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False})
@reads_manifests
def run(
    inputs: ManifestInputs,
    app: AppArgument,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD...", help="The command; one word is a shell line.")],
    size: Annotated[str | None, typer.Option("--size", help="The dyno size. Default: the web process's.")] = None,
) -> None:
    """Run a command in a one-off dyno with the app's code and config, on this terminal.

    Options go before APP; the exit code is the command's.

    Example: dpaas run shop -- python manage.py shell
    """
    words = command[1:] if command and command[0] == "--" else command
    if not words:
        raise typer.BadParameter("no command to run", param_hint="CMD")
    with inputs.world() as world:
        code = reach_app(world, app).run(app, words, size=size)
    raise typer.Exit(code)


@app.command("open")
@reads_manifests
def open_app(inputs: ManifestInputs, app: AppArgument) -> None:
    """Print an app's URL; on a terminal also open it in a browser.

    Example: dpaas open shop
    """
    with inputs.world() as world:
        url = reach_app(world, app).url(app)
    print(url)
    if is_terminal(sys.stdout):
        import webbrowser

        webbrowser.open(url)


def _row(app: str, view: DynoView) -> list[str]:
    memory = "" if view.memory_mb is None else f"{view.memory_mb:.0f} MB"
    state = f"{view.state} ({view.error})" if view.error else view.state
    return [app, view.name, state, f"v{view.release}", view.size, memory, view.since or "", view.command]
