"""`dpaas apply` and `dpaas destroy`: what changes the platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.approval import APPLY_THIS, Consent, Execution, carry_out
from declarative_paas.cli.approved import ApprovedOption, apply_approved
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import (
    ApproveOption,
    ConfirmOption,
    DestroyTargetOption,
    EventsOption,
    ExcludeOption,
    LockTimeoutOption,
    ParallelismOption,
    RefreshOnlyOption,
    ReplaceOption,
    ResumeOption,
    TargetOption,
    VerboseOption,
    plan_request,
)
from declarative_paas.cli.waiting import once_unlocked

if TYPE_CHECKING:
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.deploy import Planned, PlanRequest

app = command_group()


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
    resume: ResumeOption = False,
    approved: ApprovedOption = None,
    parallelism: ParallelismOption = None,
    lock_timeout: LockTimeoutOption = 0.0,
    as_json: EventsOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make the platform what the manifests ask for: plan, ask, and carry the plan out.

    A saved plan is applied without a question: whoever saved it has read it. It is refused when what it
    was made from has moved. The first Ctrl-C lets running steps finish, the second stops now; either way
    the next apply goes on from there, and --resume does only what that one had left. With --approved nobody
    is asked either: it plans anew, and refuses what was not approved.

    Example: dpaas apply --auto-approve
    """

    agreed = auto_approve or resume or approved is not None or plan_file is not None
    execution = Execution(
        command=f"apply {plan_file.name}" if plan_file is not None else "apply --resume" if resume else "apply",
        consent=None if agreed else APPLY_THIS,
        as_json=as_json,
        parallelism=parallelism,
        verbose=verbose,
    )
    others = [target, exclude, replace_, refresh_only, confirm]
    if plan_file is not None:
        _apply_saved(inputs, _saved(plan_file, [*others, resume, approved]), execution, lock_timeout)
        return
    if resume:
        _apply_the_rest(inputs, [*others, approved], execution, lock_timeout)
        return
    if as_json and not agreed:
        report.refuse("no-consent", "--json leaves nowhere to ask", expected="--auto-approve, or a saved plan")
    request = plan_request(target=target, exclude=exclude, replace=replace_, confirm=confirm, refresh_only=refresh_only)
    if approved is not None:
        apply_approved(inputs, approved, request, execution, lock_timeout)
        return
    _apply_anew(inputs, request, execution, lock_timeout)


@app.command("destroy")
@reads_manifests
def destroy(
    inputs: ManifestInputs,
    auto_approve: ApproveOption = False,
    target: DestroyTargetOption = None,
    exclude: ExcludeOption = None,
    confirm: ConfirmOption = None,
    parallelism: ParallelismOption = None,
    lock_timeout: LockTimeoutOption = 0.0,
    as_json: EventsOption = False,
) -> None:
    """Delete everything that is recorded for this platform and environment.

    What holds data is deleted only when --confirm names it.

    Example: dpaas destroy --confirm addon.shop/DATABASE
    """
    from declarative_paas.workflow.deploy import plan_changes

    if as_json and not auto_approve:
        report.refuse("no-consent", "--json leaves nowhere to ask", expected="--auto-approve")
    request = plan_request(target=target, exclude=exclude, confirm=confirm, destroy=True)
    with inputs.world() as world:
        platform = world.project.scope.platform
        consent = Consent(word=platform, question=f"Destroy all this? Type the platform's name ({platform}) to agree:")
        execution = Execution(
            command="destroy", consent=None if auto_approve else consent, as_json=as_json, parallelism=parallelism
        )
        once_unlocked(
            world,
            lock_timeout,
            lambda: carry_out(inputs, world, _with_flags(plan_changes(world, request), confirm or []), execution),
            repeatable=auto_approve,
        )


def _apply_saved(inputs: ManifestInputs, plan: Plan, execution: Execution, lock_timeout: float) -> None:
    from declarative_paas.workflow.approval import check_provenance
    from declarative_paas.workflow.deploy import verify_saved_plan

    if inputs.environment is None and plan.scope.environment != "default":
        inputs = replace(inputs, environment=plan.scope.environment)
    with inputs.world() as world:
        check_provenance(world.project, plan, world.clock.now())
        once_unlocked(
            world,
            lock_timeout,
            lambda: carry_out(inputs, world, verify_saved_plan(world, plan), execution),
            repeatable=False,
        )


def _apply_anew(inputs: ManifestInputs, request: PlanRequest, execution: Execution, lock_timeout: float) -> None:
    from declarative_paas.workflow.deploy import plan_changes

    with inputs.world() as world:
        once_unlocked(
            world,
            lock_timeout,
            lambda: carry_out(inputs, world, plan_changes(world, request), execution),
            repeatable=execution.consent is None,
        )


def _apply_the_rest(
    inputs: ManifestInputs, others: Sequence[object], execution: Execution, lock_timeout: float
) -> None:
    from declarative_paas.workflow.resuming import plan_the_rest

    if any(others):
        raise typer.BadParameter("--resume goes on with what was asked for then: no other options beside it")
    with inputs.world() as world:
        once_unlocked(
            world,
            lock_timeout,
            lambda: carry_out(inputs, world, plan_the_rest(world), execution),
            repeatable=False,
        )


def _saved(plan_file: Path, options: Sequence[object]) -> Plan:
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
    unknown = {found.address for found in planned.diagnostics if found.code == "unknown-confirm"}
    meant = [address for address in given if address not in unknown]
    flags = " ".join(f"--confirm {address}" for address in [*meant, *missing])
    note = Diagnostic(
        severity=Severity.NOTE, code="how-to-confirm", summary=f"to destroy their data too: dpaas destroy {flags}"
    )
    return replace(planned, diagnostics=[*planned.diagnostics, note])
