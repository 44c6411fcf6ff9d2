"""`dpaas promote`: what follows becomes a database of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.approval import APPLY_THIS, Execution, review_or_carry_out
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import ApproveOption, ParallelismOption, VerboseOption

app = command_group()


@app.command("promote")
@reads_manifests
def promote(
    inputs: ManifestInputs,
    name: Annotated[str, typer.Argument(metavar="APP", help="The fork.")],
    aliases: Annotated[
        list[str] | None, typer.Argument(metavar="[ALIAS]...", help="Its add-ons. Default: all that follow.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Apply the plan, after asking.")] = False,
    auto_approve: ApproveOption = False,
    parallelism: ParallelismOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make what follows a database of its own: `follow` becomes `copy` in the manifest, and the plan is shown.

    It takes what its source has written until then, and takes writes from then on. It never follows again. With
    --apply the plan is carried out; without, review it, commit the manifest, and `dpaas apply`.

    Example: dpaas promote storefront-eu DATABASE
    """
    from declarative_paas.workflow.deploy import PlanRequest, plan_changes
    from declarative_paas.workflow.promoting import draft_promotion

    promotion, diagnostics = draft_promotion(inputs.project(), name, aliases or [])
    inputs.show(diagnostics)
    if promotion is None:
        raise typer.Exit(exitcode.FAILED)
    for edit in promotion.edits:
        edit.write()
    kept = False
    try:
        with inputs.world() as world:
            targets = promotion.targets(world.store.snapshot(world.project.scope))
            planned = plan_changes(world, PlanRequest(targets=targets))
            kept = planned.ok
            if kept:
                files = ", ".join(str(edit.path) for edit in promotion.edits)
                print(f"{', '.join(promotion.aliases)}: `follow` became `copy` in {files}", flush=True)
            consent = None if auto_approve else APPLY_THIS
            execution = Execution(command="promote", consent=consent, parallelism=parallelism, verbose=verbose)
            review_or_carry_out(inputs, world, planned, execution, apply=apply)
    finally:
        if not kept:
            # A manifest that cannot be planned would spoil every later plan of the project.
            for edit in promotion.edits:
                edit.undo()
