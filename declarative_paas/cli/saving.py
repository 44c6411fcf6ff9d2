"""A plan of a command that would apply it, saved to be reviewed and applied later: `--out FILE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report

if TYPE_CHECKING:
    from declarative_paas.cli.inputs import ManifestInputs
    from declarative_paas.workflow.deploy import PlanRequest

OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Change nothing: save the plan for `dpaas apply FILE`."),
]


def save_plan(inputs: ManifestInputs, request: PlanRequest, out: Path) -> None:
    """Shows the plan and saves it. Ends the command when it must not be applied, or cannot be saved."""
    from declarative_paas.cli.planfile import unwritable, write_plan
    from declarative_paas.cli.planview import plan_text
    from declarative_paas.workflow.deploy import plan_changes

    problem = unwritable(out)
    if problem is not None:
        report.fail(problem)
    with inputs.world() as world:
        planned = plan_changes(world, request)
    if planned.plan is not None and not planned.plan.is_empty:
        print(plan_text(planned.plan, sys.stdout, verbose=False, no_color=inputs.no_color), flush=True)
    inputs.show(planned.diagnostics)
    if planned.plan is None or not planned.ok:
        raise typer.Exit(exitcode.FAILED)
    write_plan(planned.plan, out)
    print(f"\nSaved. To apply exactly this: dpaas apply {out}")
