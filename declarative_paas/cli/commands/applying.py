"""`dpaas apply` and `dpaas destroy`: what changes the platform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.approval import Consent, Execution, carry_out
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import (
    ApproveOption,
    ConfirmOption,
    EventsOption,
    ExcludeOption,
    ParallelismOption,
    RefreshOnlyOption,
    ReplaceOption,
    TargetOption,
    VerboseOption,
    parse_addresses,
    refuse_beside_refresh_only,
)

if TYPE_CHECKING:
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.deploy import Planned

app = command_group()

_AGREE = Consent(word="yes", question="Apply this plan? Only `yes` is a yes:")


@app.command("apply")
@reads_manifests
def apply(
    inputs: ManifestInputs,
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLANFILE]", help="A saved plan: exactly this is applied, or refused.")
    ] = None,
    auto_approve: ApproveOption = False,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    replace_: ReplaceOption = None,
    refresh_only: RefreshOnlyOption = False,
    confirm: ConfirmOption = None,
    parallelism: ParallelismOption = None,
    as_json: EventsOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make the platform what the manifests ask for: plan, ask, and carry the plan out.

    A saved plan is applied without a question: whoever saved it has read it. It is refused when what it
    was made from has moved. The first Ctrl-C lets running steps finish, the second stops now; either way
    the next apply goes on from there.

    Example: dpaas apply --auto-approve
    """
    from declarative_paas.workflow.deploy import PlanRequest, plan_changes, verify_saved_plan

    if plan_file is not None:
        plan = _saved(plan_file, [target, exclude, replace_, refresh_only, confirm])
        if inputs.environment is None and plan.scope.environment != "default":
            inputs = replace(inputs, environment=plan.scope.environment)
        with inputs.world() as world:
            execution = Execution(
                command=f"apply {plan_file.name}",
                consent=None,
                as_json=as_json,
                parallelism=parallelism,
                verbose=verbose,
            )
            carry_out(inputs, world, verify_saved_plan(world, plan), execution)
        return
    if as_json and not auto_approve:
        report.refuse("no-consent", "--json leaves nowhere to ask", expected="--auto-approve, or a saved plan")
    if refresh_only:
        refuse_beside_refresh_only({"--replace": replace_})
    request = PlanRequest(
        refresh_only=refresh_only,
        targets=target or [],
        excludes=exclude or [],
        replaces=parse_addresses(replace_ or []),
        confirmed=parse_addresses(confirm or []),
    )
    with inputs.world() as world:
        planned = plan_changes(world, request)
        execution = Execution(
            command="apply",
            consent=None if auto_approve else _AGREE,
            as_json=as_json,
            parallelism=parallelism,
            verbose=verbose,
        )
        carry_out(inputs, world, planned, execution)


@app.command("destroy")
@reads_manifests
def destroy(
    inputs: ManifestInputs,
    auto_approve: ApproveOption = False,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    confirm: ConfirmOption = None,
    parallelism: ParallelismOption = None,
    as_json: EventsOption = False,
) -> None:
    """Delete everything that is recorded for this platform and environment.

    What holds data is deleted only when --confirm names it.

    Example: dpaas destroy --confirm addon.shop/DATABASE
    """
    from declarative_paas.workflow.deploy import PlanRequest, plan_changes

    if as_json and not auto_approve:
        report.refuse("no-consent", "--json leaves nowhere to ask", expected="--auto-approve")
    confirmed = parse_addresses(confirm or [])
    with inputs.world() as world:
        platform = world.project.scope.platform
        planned = plan_changes(
            world, PlanRequest(destroy=True, targets=target or [], excludes=exclude or [], confirmed=confirmed)
        )
        planned = _with_flags(planned, confirm or [])
        consent = Consent(word=platform, question=f"Destroy all this? Type the platform's name ({platform}) to agree:")
        execution = Execution(
            command="destroy", consent=None if auto_approve else consent, as_json=as_json, parallelism=parallelism
        )
        carry_out(inputs, world, planned, execution)


def _saved(plan_file: Path, options: list[object]) -> Plan:
    from declarative_paas.cli.planfile import read_plan
    from declarative_paas.core.diagnostic import Diagnostic

    if any(options):
        raise typer.BadParameter("a saved plan already has its targets, exclusions, replacements and confirmations")
    plan = read_plan(plan_file)
    if isinstance(plan, Diagnostic):
        report.fail(plan)
    return plan


def _with_flags(planned: Planned, given: list[str]) -> Planned:
    """After the refusals, the one command line that confirms them all."""
    from declarative_paas.core.diagnostic import Diagnostic, Severity

    missing = [
        found.address for found in planned.diagnostics if found.code == "unconfirmed-data-loss" and found.address
    ]
    if not missing:
        return planned
    flags = " ".join(f"--confirm {address}" for address in [*given, *missing])
    note = Diagnostic(
        severity=Severity.NOTE, code="how-to-confirm", summary=f"to destroy their data too: dpaas destroy {flags}"
    )
    return replace(planned, diagnostics=[*planned.diagnostics, note])
