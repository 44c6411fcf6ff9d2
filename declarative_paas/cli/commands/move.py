"""`dpaas move`: what becomes of a move between regions that was made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli.approval import Consent, Execution, carry_out
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import ApproveOption, ConfirmOption, ParallelismOption, parse_addresses
from declarative_paas.cli.saving import OutOption, save_plan

if TYPE_CHECKING:
    from declarative_paas.workflow.deploy import PlanRequest
    from declarative_paas.workflow.move_status import MoveStatus

app = command_group()

_AppArgument = Annotated[str, typer.Argument(metavar="APP", help="The app that was moved.")]


@app.callback()
def move() -> None:
    """End a move between regions: go back, or delete the side that was left.

    A move begins with a changed `region` in the manifest and `dpaas apply`. Until it is finished the old side is kept,
    stopped.

    Example: dpaas move finish storefront --confirm addon.storefront/DATABASE
    """


@app.command("back")
@reads_manifests
def back(
    inputs: ManifestInputs,
    name: _AppArgument,
    out: OutOption = None,
    auto_approve: ApproveOption = False,
    parallelism: ParallelismOption = None,
) -> None:
    """Let the app serve again from the region that it was moved from, as it was when it was stopped there.

    The new side is stopped and kept: what was written there stays there. Nothing is copied.

    Example: dpaas move back storefront
    """
    from declarative_paas.workflow.deploy import PlanRequest

    if out is not None:
        save_plan(inputs, PlanRequest(back=[name]), out)
        return
    consent = Consent(word=name, question=f"Go back? Type the app's name ({name}) to agree:")
    _carry_out(inputs, PlanRequest(back=[name]), "move back", None if auto_approve else consent, parallelism)
    _tell_manifest(inputs, name)


@app.command("finish")
@reads_manifests
def finish(
    inputs: ManifestInputs,
    name: _AppArgument,
    confirm: ConfirmOption = None,
    out: OutOption = None,
    auto_approve: ApproveOption = False,
    parallelism: ParallelismOption = None,
) -> None:
    """Delete what is kept in the region that the app left. After that there is no way back.

    Example: dpaas move finish storefront --confirm addon.storefront/DATABASE
    """
    from declarative_paas.workflow.deploy import PlanRequest

    request = PlanRequest(finish=[name], confirmed=parse_addresses(confirm or []))
    if out is not None:
        save_plan(inputs, request, out)
        return
    consent = Consent(word=name, question=f"Delete the old side? Type the app's name ({name}) to agree:")
    _carry_out(inputs, request, "move finish", None if auto_approve else consent, parallelism)


@app.command("status")
@reads_manifests
def status(
    inputs: ManifestInputs,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the moves that are open: from where to where, how far, and what is kept. Asks no region.

    Example: dpaas move status
    """
    from declarative_paas.workflow.move_status import read_moves

    with inputs.world() as world:
        found = read_moves(world.store.snapshot(world.project.scope))
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=2))
    elif not found:
        print("No move is open.")
    for one in [] if as_json else found:
        print(_told(one))


def _carry_out(
    inputs: ManifestInputs, request: PlanRequest, command: str, consent: Consent | None, parallelism: int | None
) -> None:
    from declarative_paas.workflow.deploy import plan_changes

    with inputs.world() as world:
        execution = Execution(command=command, consent=consent, parallelism=parallelism)
        carry_out(inputs, world, plan_changes(world, request), execution)


def _tell_manifest(inputs: ManifestInputs, name: str) -> None:
    """Who went back in an emergency has not edited the manifest yet."""
    from declarative_paas.workflow.moving_regions import manifest_region, recorded_moves

    with inputs.world() as world:
        found = manifest_region(world.project.manifests, name)
        move = recorded_moves(world.store.snapshot(world.project.scope)).get(name)
    if found is not None and move is not None and found[0] != move.destination:
        region, position = found
        print(f"{position} says region {region}: change it to {move.destination}, or every plan is refused.")


def _told(one: MoveStatus) -> str:
    way = f"{one.source} -> {one.target}" + (", gone back" if one.back else "")
    lines = [f"{one.app}: {way}; {one.moved} of {one.moved + one.waiting} resources are in {one.destination}"]
    if one.kept:
        lines.append(f"  kept in {one.left}, stopped: {', '.join(one.kept)}")
    for alias, copy in one.copied.items():
        size = f"{copy.rows} rows, {copy.bytes / 2**20:.1f} MB, {copy.verified_at}"
        lines.append(f"  {alias}: copied and verified, {size}")
    for alias, followed in one.followed.items():
        first = followed.first
        begun = "" if first is None else f", from a copy of {first.rows} rows verified {first.verified_at}"
        state = "followed, and was promoted" if followed.promoted else "follows"
        lines.append(f"  {alias}: {state}{begun}")
        if followed.check is not None:
            lines.append(f"    {followed.check.sentence}")
            lines += [f"    differs: {text}" for text in followed.check.wrong]
    return "\n".join(lines)
