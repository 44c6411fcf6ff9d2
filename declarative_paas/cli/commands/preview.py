"""`dpaas preview`: a plan for its reviewers, in the format that they read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import (
    ConfirmOption,
    ExcludeOption,
    NoRefreshOption,
    RefreshOnlyOption,
    ReplaceOption,
    TargetOption,
    plan_request,
)
from declarative_paas.cli.previewing import FormatOption, format_of, write_preview
from declarative_paas.cli.reviewing import SinceOption, since

if TYPE_CHECKING:
    from declarative_paas.preview.model import Origin, Preview
    from declarative_paas.workflow.deploy import PlanRequest

app = command_group()


@app.command("preview")
@reads_manifests
def preview(
    inputs: ManifestInputs,
    plan_file: Annotated[
        Path | None,
        typer.Argument(metavar="[PLANFILE]", help="A plan saved by `dpaas plan --out`. Default: plans now."),
    ] = None,
    form: FormatOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to a file; .md, .html, .json, .sarif, .xml name the format."),
    ] = None,
    link_base: Annotated[
        str | None,
        typer.Option(
            "--link-base", metavar="URL", help="Where the manifests can be read: URL/FILE#LINE becomes a link."
        ),
    ] = None,
    base: Annotated[str | None, typer.Option("--base", metavar="SHA", help="The commit this is compared with.")] = None,
    head: Annotated[str | None, typer.Option("--head", metavar="SHA", help="The commit that was planned.")] = None,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    replace: ReplaceOption = None,
    refresh_only: RefreshOnlyOption = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Plan to destroy everything that is recorded.")] = False,
    confirm: ConfirmOption = None,
    no_refresh: NoRefreshOption = False,
    since_file: SinceOption = None,
) -> None:
    """Show a plan to its reviewers as text, Markdown, one HTML file, JSON, SARIF, JUnit or a GitLab report.

    What cannot be planned is shown too: the preview then holds the errors, and the exit code is 1.

    Example: dpaas preview --format html --out plan.html
    """
    from dataclasses import replace as replaced

    from declarative_paas.core.diagnostic import has_errors
    from declarative_paas.preview.model import Origin

    origin = Origin(base=base, head=head, link_base=link_base, plan_file=None if plan_file is None else str(plan_file))
    if plan_file is not None:
        _refuse_beside_plan_file([target, exclude, replace, refresh_only, destroy, confirm, no_refresh])
        made = _of_saved(plan_file, origin)
    else:
        request = plan_request(
            target=target,
            exclude=exclude,
            replace=replace,
            confirm=confirm,
            refresh_only=refresh_only,
            destroy=destroy,
            no_refresh=no_refresh,
        )
        made = _of_manifests(inputs, request, origin)
    if since_file is not None:
        made = replaced(made, since=since(since_file, made.plan, made.digest))
    write_preview(made, format_of(form, out=out), out)
    inputs.show(made.diagnostics)
    if has_errors(made.diagnostics):
        raise typer.Exit(exitcode.FAILED)


def _refuse_beside_plan_file(options: list[object]) -> None:
    if any(options):
        raise typer.BadParameter("a saved plan is shown as it is: no option may ask for another")


def _of_saved(plan_file: Path, origin: Origin) -> Preview:
    from declarative_paas.cli.planfile import read_plan
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.previewing import preview_of_saved

    plan = read_plan(plan_file)
    if not isinstance(plan, Plan):
        report.fail(plan)
    return preview_of_saved(plan, origin)


def _of_manifests(inputs: ManifestInputs, request: PlanRequest, origin: Origin) -> Preview:
    from declarative_paas.core.diagnostic import has_errors
    from declarative_paas.preview.review import review_failure
    from declarative_paas.workflow.beside import planned_beside
    from declarative_paas.workflow.deploy import plan_changes
    from declarative_paas.workflow.previewing import preview_of
    from declarative_paas.workflow.world import open_world

    project, diagnostics = inputs.open_project()
    if project is None:
        return review_failure(diagnostics, None, origin)
    world, diagnostics = open_world(project)
    try:
        if has_errors(diagnostics):
            return review_failure(diagnostics, project.scope, origin)
        return preview_of(project, planned_beside(world, lambda: plan_changes(world, request)), origin)
    finally:
        world.store.close()
