"""`dpaas fork`: an app again, in another region, as one reviewed plan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.approval import APPLY_THIS, Consent, Execution, carry_out, review_or_carry_out
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.copyview import copies_text
from declarative_paas.cli.default_command import DefaultGroup
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import (
    ApproveOption,
    ConfirmOption,
    ParallelismOption,
    VerboseOption,
    parse_addresses,
)
from declarative_paas.cli.reaching import check_app

if TYPE_CHECKING:
    from declarative_paas.workflow.forking import ForkDraft

app = command_group(DefaultGroup)


DataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="ALIAS=MODE",
        help="What becomes of an add-on's data: copy (the default), empty, share or follow; repeatable.",
    ),
]
DomainOption = Annotated[
    list[str] | None,
    typer.Option("--domain", metavar="SOURCE=FORK", help="A host name of its own for one of the source's; repeatable."),
]


@app.callback()
def fork() -> None:
    """An app again, whole, in another region: `dpaas fork APP --region REGION`.

    Example: dpaas fork storefront --region eu
    """


@app.command("make")
@reads_manifests
def make(
    inputs: ManifestInputs,
    source: Annotated[str, typer.Argument(metavar="APP", help="The app, or the fork, to make a fork of.")],
    region: Annotated[str, typer.Option("--region", metavar="REGION", help="Where the fork runs.")],
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Its name. Default: APP-REGION.")] = None,
    data: DataOption = None,
    domain: DomainOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The manifest to write. Default: NAME.dpaas.yaml.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Apply the plan, after asking.")] = False,
    auto_approve: ApproveOption = False,
    parallelism: ParallelismOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Fork an app: write the fork's manifest and show the plan that makes it.

    Config, formation, add-ons and release command are the source's until the manifest says otherwise. With
    --apply the plan is carried out; without, review it, commit the manifest, and `dpaas apply`.

    `make` may be left out: dpaas fork storefront --region eu

    Example: dpaas fork make storefront --region eu --data REDIS=empty
    """
    from declarative_paas.workflow.deploy import PlanRequest, plan_changes
    from declarative_paas.workflow.forking import ForkWish, draft_fork, write_draft

    wish = ForkWish(source=source, region=region, name=to, data=data or [], domains=domain or [], out=out)
    draft, diagnostics = draft_fork(inputs.project(), wish)
    inputs.show(diagnostics)
    if draft is None:
        raise typer.Exit(exitcode.FAILED)
    write_draft(draft)
    kept = False
    try:
        with _with_file(inputs, draft).world() as world:
            planned = plan_changes(world, PlanRequest(targets=[draft.name]))
            kept = planned.ok
            if kept:
                print(f"wrote {draft.path}", flush=True)
            consent = None if auto_approve else APPLY_THIS
            execution = Execution(command="fork", consent=consent, parallelism=parallelism, verbose=verbose)
            review_or_carry_out(inputs, world, planned, execution, apply=apply)
    finally:
        if not kept:
            # A manifest that cannot be planned would spoil every later plan of the project.
            draft.path.unlink(missing_ok=True)


@app.command("undo")
@reads_manifests
def undo(
    inputs: ManifestInputs,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The fork.")],
    confirm: ConfirmOption = None,
    auto_approve: ApproveOption = False,
    parallelism: ParallelismOption = None,
) -> None:
    """Destroy what a fork made, and nothing else; then remove its manifest. Its source is left as it is.

    Example: dpaas fork undo storefront-eu --confirm addon.storefront-eu/DATABASE
    """
    from declarative_paas.workflow.fork_undo import find_fork, forget_manifest, plan_undo

    confirmed = parse_addresses(confirm or [])
    with inputs.world() as world:
        undoing, diagnostics = find_fork(world.project, name)
        inputs.show(diagnostics)
        if undoing is None:
            raise typer.Exit(exitcode.FAILED)
        consent = Consent(word=name, question=f"Destroy the fork? Type its name ({name}) to agree:")
        execution = Execution(command="fork undo", consent=None if auto_approve else consent, parallelism=parallelism)
        carry_out(inputs, world, plan_undo(world, undoing, confirmed), execution)
    print(forget_manifest(undoing))


@app.command("status")
@reads_manifests
def status(
    inputs: ManifestInputs,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this fork, with every comparison.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the copies of data that forks were made with: from where, when verified, how much; and what follows.

    Only what follows is asked how it does, and how far behind it is.

    Example: dpaas fork status storefront-eu
    """
    from declarative_paas.operations.copies import read_copies
    from declarative_paas.workflow.following import ask_followers

    with inputs.world() as world:
        copies = read_copies(world.store.snapshot(world.project.scope), name, ask_followers(world))
        if name is not None and not copies:
            check_app(world, name)
    if as_json:
        print(json.dumps([copy.to_json() for copy in copies], indent=2))
    elif copies:
        print(copies_text(copies, whole=name is not None))
    else:
        print("No copies are recorded." if name is None else f"No copies are recorded of a fork {name}.")


def _with_file(inputs: ManifestInputs, draft: ForkDraft) -> ManifestInputs:
    """The inputs that also read the new manifest, where the given paths do not lead to it."""
    path = draft.path.resolve()
    reached = any(path.is_relative_to(given.resolve()) for given in inputs.files if given.is_dir())
    return inputs if reached else replace(inputs, files=[*inputs.files, draft.path])
