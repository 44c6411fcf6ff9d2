"""`dpaas releases`, `rollback` and `unhold`."""

from __future__ import annotations

from typing import Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.approval import Consent, Execution, carry_out
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.app import AppArgument
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import ApproveOption, EventsOption
from declarative_paas.cli.reaching import check_app, reach_app

app = command_group()


@app.command("releases")
@reads_manifests
def releases(inputs: ManifestInputs, app: AppArgument) -> None:
    """List an app's releases, newest first; the one that serves now is marked.

    Example: dpaas releases shop
    """
    with inputs.world() as world:
        found = reach_app(world, app).releases(app)
    rows = [
        [f"v{item.version}", "current" if item.current else "", item.status, item.created_at, item.description]
        for item in found
    ]
    print(columns(["release", "", "status", "created", "description"], rows) if rows else f"{app} has no releases.")


@app.command("rollback")
@reads_manifests
def rollback(
    inputs: ManifestInputs,
    app: AppArgument,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="The release, such as v3. Default: the one before.")
    ] = None,
    auto_approve: ApproveOption = False,
    as_json: EventsOption = False,
) -> None:
    """Make a new release from an old one, code and config, and hold the app there.

    The hold is shown by every plan and ends when the app's source changes, or by `dpaas unhold`.

    Example: dpaas rollback shop v3
    """
    from declarative_paas.workflow.rollback import plan_rollback

    number = _number(version)
    if as_json and not auto_approve:
        report.refuse("no-consent", "--json leaves nowhere to ask", expected="--auto-approve")
    with inputs.world() as world:
        reach_app(world, app)
        planned = plan_rollback(world, app, number)
        consent = Consent(word="yes", question=f"Roll {app} back? Only `yes` is a yes:")
        command = f"rollback {app}" if number is None else f"rollback {app} v{number}"
        execution = Execution(command=command, consent=None if auto_approve else consent, as_json=as_json)
        carry_out(inputs, world, planned, execution)


@app.command("unhold")
@reads_manifests
def unhold(inputs: ManifestInputs, app: AppArgument) -> None:
    """End a rollback's hold: the next apply follows the manifests again.

    Example: dpaas unhold shop
    """
    from declarative_paas.workflow.rollback import end_hold

    with inputs.world() as world:
        was_held = end_hold(world, app)
        if not was_held:
            # Only then: an app that is gone from the manifests may be held still.
            check_app(world, app)
    print(f"{app} follows its manifests again: the next apply releases them." if was_held else f"{app} is not held.")


def _number(version: str | None) -> int | None:
    """`v3` or `3`."""
    if version is None:
        return None
    digits = version.removeprefix("v")
    if not digits.isdecimal():
        raise typer.BadParameter(f"{version!r} is no release; they are named as v3", param_hint="VERSION")
    return int(digits)
