"""The way of every command that changes the platform: show the plan, ask, apply, tell."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.terminal import ask, can_ask

if TYPE_CHECKING:
    from declarative_paas.apply.executor import ApplyResult
    from declarative_paas.cli.inputs import ManifestInputs
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.deploy import Planned
    from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person must type: `word`, after a question that says what it means. None: it was given already."""

    word: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a plan is applied. `command` is what the history keeps."""

    command: str
    consent: Consent | None
    as_json: bool = False
    parallelism: int | None = None
    verbose: bool = False


APPLY_THIS: Final = Consent(word="yes", question="Apply this plan? Only `yes` is a yes:")


def review_or_carry_out(
    inputs: ManifestInputs, world: World, planned: Planned, execution: Execution, *, apply: bool
) -> None:
    """The plan of a manifest that a command wrote: carried out where that was asked for, else shown for a review.

    One that cannot be planned ends the command with exit 1 either way.
    """
    if apply or not planned.ok:
        carry_out(inputs, world, planned, execution)
        return
    from declarative_paas.cli.planview import print_unapplied

    print_unapplied(inputs, planned, verbose=execution.verbose)


def carry_out(inputs: ManifestInputs, world: World, planned: Planned, execution: Execution) -> None:
    """Shows the plan, asks, and applies it. Ends the command with exit 1 or 130 unless all went well."""
    plan = planned.plan
    if plan is not None and not plan.is_empty and not execution.as_json:
        from declarative_paas.cli.planview import plan_text

        print(plan_text(plan, sys.stdout, verbose=execution.verbose, no_color=inputs.no_color), flush=True)
    inputs.show(planned.diagnostics)
    if plan is None or not planned.ok:
        raise typer.Exit(exitcode.FAILED)
    if plan.is_empty:
        _settle(inputs, world, planned, execution)
        return
    if execution.consent is not None:
        _ask(execution.consent)
    result = _apply(inputs, world, planned, execution)
    if not execution.as_json:
        _tell(world, planned, result)
    if result.interrupted:
        raise typer.Exit(exitcode.INTERRUPTED)
    if not result.ok:
        raise typer.Exit(exitcode.FAILED)


def _settle(inputs: ManifestInputs, world: World, planned: Planned, execution: Execution) -> None:
    """An empty plan: nothing to agree to, but what was read may have to be written down."""
    plan = planned.plan
    assert plan is not None, "only a plan is settled"
    if plan.refreshed or plan.settles or planned.lapsed_holds or planned.hold is not None:
        if not execution.as_json:
            print(_nothing_to_do(inputs, plan))
        result = _apply(inputs, world, planned, execution)
        if result.interrupted:
            raise typer.Exit(exitcode.INTERRUPTED)
        if plan.refreshed and not execution.as_json:
            print(f"Recorded as it is now: {len(plan.refreshed)}.")
        return
    from declarative_paas.workflow.resuming import nothing_is_left

    nothing_is_left(world, plan)
    if execution.as_json:
        from declarative_paas.core.event import ApplyOutcome, Event, EventKind

        nothing = Event(
            kind=EventKind.APPLY_FINISHED,
            at=world.clock.now().isoformat(timespec="milliseconds"),
            elapsed_s=0.0,
            outcome=ApplyOutcome.SUCCEEDED,
            succeeded={},
        )
        print(json.dumps(nothing.to_json()))
    else:
        print(_nothing_to_do(inputs, plan))


def _nothing_to_do(inputs: ManifestInputs, plan: Plan) -> str:
    from declarative_paas.cli.planview import plan_text

    if plan.destroy:
        return "Nothing is recorded, so there is nothing to destroy."
    return plan_text(plan, sys.stdout, verbose=False, no_color=inputs.no_color)


def _ask(consent: Consent) -> None:
    if not can_ask():
        report.refuse(
            "no-consent",
            "nobody is here to agree to this plan: there is no terminal",
            expected="--auto-approve, or a reviewed plan: `dpaas plan --out FILE`, then `dpaas apply FILE`",
        )
    if ask(f"\n{consent.question} ") != consent.word:
        print("Nothing was changed.", file=sys.stderr)
        raise typer.Exit(exitcode.FAILED)


def _apply(inputs: ManifestInputs, world: World, planned: Planned, execution: Execution) -> ApplyResult:
    from declarative_paas.apply.executor import Interruption
    from declarative_paas.cli.interrupt import interruptible
    from declarative_paas.cli.progress import progress
    from declarative_paas.workflow.deploy import apply_plan

    interruption = Interruption()
    with (
        progress(as_json=execution.as_json, no_color=inputs.no_color) as shown,
        interruptible(interruption, shown.notify),
    ):
        return apply_plan(
            world,
            planned,
            sink=shown.sink,
            interruption=interruption,
            command=execution.command,
            parallelism=execution.parallelism,
        )


def _tell(world: World, planned: Planned, result: ApplyResult) -> None:
    from declarative_paas.cli.outcome import failures, summary, urls

    assert planned.plan is not None, "only a plan is applied"
    print()
    sys.stdout.flush()
    for line in failures(result, planned.plan):
        print(line, file=sys.stderr)
    print(summary(result), file=sys.stdout if result.ok else sys.stderr)
    for app, url in urls(planned.plan, world.store.snapshot(world.project.scope)):
        print(f"  {app}: {url}")
