"""`dpaas plan` and `dpaas graph`: what would happen."""

from __future__ import annotations

import sys
from enum import StrEnum
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
    VerboseOption,
    plan_request,
)
from declarative_paas.cli.previewing import FormatOption, format_of, print_planned
from declarative_paas.cli.report import DiagnosticFormat
from declarative_paas.cli.reviewing import (
    AffectedOption,
    BaseOption,
    ExpiresOption,
    HeadOption,
    SinceOption,
    planned_as_asked,
    provenance_of,
    show_since,
)
from declarative_paas.preview.formats import Format

if TYPE_CHECKING:
    from declarative_paas.core.plan import Plan
    from declarative_paas.core.provenance import Provenance
    from declarative_paas.workflow.deploy import Planned
    from declarative_paas.workflow.world import World

app = command_group()


class GraphFormat(StrEnum):
    """`dpaas graph --format`."""

    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"


@app.command("plan")
@reads_manifests
def plan(
    inputs: ManifestInputs,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for `dpaas apply FILE`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON: --format json.")] = False,
    form: FormatOption = None,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit 0 without changes, 2 with changes (with --refresh-only: with drift), 1 on an error.",
        ),
    ] = False,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    replace: ReplaceOption = None,
    refresh_only: RefreshOnlyOption = False,
    destroy: Annotated[bool, typer.Option("--destroy", help="Plan to destroy everything that is recorded.")] = False,
    confirm: ConfirmOption = None,
    no_refresh: NoRefreshOption = False,
    since: SinceOption = None,
    affected_by: AffectedOption = None,
    base: BaseOption = None,
    head: HeadOption = None,
    expires_in: ExpiresOption = None,
    verbose: VerboseOption = False,
    diagnostics: Annotated[
        DiagnosticFormat, typer.Option(help="How to print mistakes, on stderr.")
    ] = DiagnosticFormat.TEXT,
) -> None:
    """Show what an apply would change, why, and at what risk. Changes nothing.

    Example: dpaas plan --out plan.json --detailed-exitcode
    """

    _check_out(out)
    request = plan_request(
        target=target,
        exclude=exclude,
        replace=replace,
        confirm=confirm,
        refresh_only=refresh_only,
        destroy=destroy,
        no_refresh=no_refresh,
    )
    with inputs.world(diagnostics) as world:
        planned = planned_as_asked(inputs, world, request, affected_by)
        made_of = provenance_of(world, base, head, expires_in)
    chosen = format_of(form, as_json=as_json)
    asked = None if form is None and not as_json else chosen
    made = _shown(inputs, world, planned, asked, diagnostics, verbose=verbose)
    if since is not None:
        show_since(since, made, sys.stdout if chosen is Format.TEXT else sys.stderr)
    _save(made, made_of, out, chosen)
    drifted = refresh_only and (made.drift or made.refreshed)
    if detailed_exitcode and (drifted or not made.is_empty):
        raise typer.Exit(exitcode.CHANGES)


def _check_out(out: Path | None) -> None:
    """Ends the command when the plan could not be saved: before it is made, which takes time."""
    from declarative_paas.cli.planfile import unwritable

    problem = None if out is None else unwritable(out)
    if problem is not None:
        report.fail(problem)


def _shown(
    inputs: ManifestInputs,
    world: World,
    planned: Planned,
    form: Format | None,
    diagnostics: DiagnosticFormat,
    *,
    verbose: bool,
) -> Plan:
    """Prints the plan, and what is to be said of it; ends the command when it must not be applied."""
    if planned.plan is not None and (planned.ok or not planned.plan.is_empty):
        # Also one that must not be applied: it tells what there is to confirm.
        print_planned(inputs, world, planned, form, verbose=verbose)
    if diagnostics is not DiagnosticFormat.TEXT or planned.diagnostics:
        inputs.show(planned.diagnostics, diagnostics)
    if planned.plan is None or not planned.ok:
        raise typer.Exit(exitcode.FAILED)
    return planned.plan


def _save(made: Plan, made_of: Provenance | None, out: Path | None, form: Format) -> None:
    from dataclasses import replace

    from declarative_paas.cli.planfile import write_plan

    if out is None:
        return
    write_plan(made if made_of is None else replace(made, provenance=made_of), out)
    if form is Format.TEXT and not made.is_empty:
        print(f"\nSaved. To apply exactly this: dpaas apply {out}")


@app.command("graph")
@reads_manifests
def graph(
    inputs: ManifestInputs,
    form: Annotated[GraphFormat, typer.Option("--format", help="Which language.")] = GraphFormat.DOT,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file.")] = None,
    resources: Annotated[
        bool, typer.Option("--resources", help="Everything that is declared, not only what would change.")
    ] = False,
) -> None:
    """Draw how resources depend on each other, and what would become of each.

    Example: dpaas graph --format mermaid --out plan.mmd
    """
    from declarative_paas.core.diagnostic import has_errors
    from declarative_paas.preview.graph import graph_of_plan, graph_of_resources, render_graph
    from declarative_paas.workflow.deploy import PlanRequest, desire, plan_changes

    with inputs.world() as world:
        if resources:
            desired, diagnostics, _ = desire(world)
            drawn = None if has_errors(diagnostics) else graph_of_resources(desired)
        else:
            planned = plan_changes(world, PlanRequest())
            diagnostics = list(planned.diagnostics)
            drawn = graph_of_plan(planned.plan) if planned.plan is not None and planned.ok else None
    inputs.show(diagnostics)
    if drawn is None:
        raise typer.Exit(exitcode.FAILED)
    if not drawn.nodes and not resources:
        print("No changes to draw; --resources draws everything that is declared.", file=sys.stderr)
    text = render_graph(drawn, form.value)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        print(out)
