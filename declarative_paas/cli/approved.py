"""`dpaas apply --approved`: plans anew, and applies only what somebody approved."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from declarative_paas.cli import report
from declarative_paas.cli.approval import Execution, carry_out
from declarative_paas.cli.waiting import once_unlocked

if TYPE_CHECKING:
    from declarative_paas.cli.inputs import ManifestInputs
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.deploy import Planned, PlanRequest
    from declarative_paas.workflow.world import World

ApprovedOption = Annotated[
    str | None,
    typer.Option(
        "--approved",
        metavar="DIGEST|FILE",
        help="Plan anew, and apply only what was approved: the digest of a plan, or a saved plan or its rest.",
    ),
]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def apply_approved(
    inputs: ManifestInputs, approved: str, request: PlanRequest, execution: Execution, lock_timeout: float
) -> None:
    """Raises NotApproved, StateError; ends the command as every apply does."""
    from declarative_paas.workflow.deploy import PlanRequest

    execution = replace(execution, command="apply --approved")
    plan = None if _DIGEST.fullmatch(approved) else approved_plan(Path(approved))
    if plan is not None:
        if request.targets or request.excludes or request.replaces or request.refresh_only or request.confirmed:
            raise typer.BadParameter("an approved plan has its targets, exclusions, replacements and confirmations")
        if inputs.environment is None and plan.scope.environment != "default":
            inputs = replace(inputs, environment=plan.scope.environment)
        request = PlanRequest.of(plan)
    with inputs.world() as world:
        once_unlocked(
            world,
            lock_timeout,
            lambda: carry_out(inputs, world, checked(world, request, approved, plan), execution),
            repeatable=True,
        )


def approved_plan(file: Path) -> Plan:
    """The saved plan; a file that is none, or is damaged, ends the command."""
    from declarative_paas.cli.planfile import read_plan
    from declarative_paas.core.diagnostic import Diagnostic

    plan = read_plan(file)
    if isinstance(plan, Diagnostic):
        report.fail(plan)
    return plan


def checked(world: World, request: PlanRequest, digest: str, plan: Plan | None) -> Planned:
    """The plan as it is now, if it was approved; with errors, as it is. Raises NotApproved, StateError."""
    from declarative_paas.workflow.approval import check_digest, check_plan
    from declarative_paas.workflow.deploy import plan_changes

    planned = plan_changes(world, request)
    if planned.plan is not None and planned.ok:
        if plan is None:
            check_digest(digest, planned.plan)
        else:
            check_plan(plan, planned, world.clock.now())
    return planned
