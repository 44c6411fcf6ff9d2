"""`dpaas ci apply`, step by step: which pull request, which approval, apply, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.continuous import Continuous, give_up
from declarative_paas.cli.planoptions import parse_addresses
from declarative_paas.cli.terminal import safe

if TYPE_CHECKING:
    from declarative_paas.apply.executor import ApplyResult
    from declarative_paas.ci.applying import Applied, Merged
    from declarative_paas.ci.forge import Forge, Proposal
    from declarative_paas.ci.surroundings import Job
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.deploy import Planned
    from declarative_paas.workflow.git_changes import Checkout
    from declarative_paas.workflow.world import World


def run_ci_apply(
    given: Continuous, *, affected: bool, plans: Path | None, confirm: Sequence[str], parallelism: int | None
) -> None:
    """Raises SurroundingsError, GitError, StateError; ends the command unless every stack ended well."""
    from declarative_paas.ci.applying import apply_stack
    from declarative_paas.ci.http import ForgeError
    from declarative_paas.workflow.git_changes import Checkout

    job = given.job()
    checkout = Checkout.around(Path())
    if checkout.head() != job.commit:
        give_up(job, "other-commit", f"{checkout.head()[:12]} is checked out, and this runs for {job.commit[:12]}")
    done: list[Applied] = []
    try:
        forge = job.forge()
        proposal = forge.merged_by(job.commit)
        if proposal is None:
            give_up(
                job,
                "no-pull-request",
                f"no merged pull request brought commit {job.commit[:12]}: nothing was approved",
                expected="a merge, or `dpaas apply` by hand",
            )
        merged = _merged(given, job, forge, proposal, checkout if affected else None, plans, confirm)

        def execute(world: World, planned: Planned) -> ApplyResult:
            return _execute(world, planned, parallelism, no_color=given.no_color)

        for stack in given.stacks():
            applied = apply_stack(stack, merged, execute, _describe)
            done.append(applied)
            _tell(applied)
    except ForgeError as problem:
        _write_files(job, done, "not-reported")
        give_up(job, "not-reported", f"{job.platform.value} was not told, or not asked, in full: {problem}")
    failed = [applied for applied in done if not applied.ok]
    _write_files(job, done, "apply-failed" if failed else "")
    if failed:
        interrupted = any(applied.result is not None and applied.result.interrupted for applied in failed)
        raise typer.Exit(exitcode.INTERRUPTED if interrupted else exitcode.FAILED)


def _merged(
    given: Continuous,
    job: Job,
    forge: Forge,
    proposal: Proposal,
    checkout: Checkout | None,
    plans: Path | None,
    confirm: Sequence[str],
) -> Merged:
    from declarative_paas.ci.applying import Merged
    from declarative_paas.cli.planfile import read_plan
    from declarative_paas.preview.model import Origin
    from declarative_paas.workflow.deploy import PlanRequest

    # Only of a merge commit is it sure what it is compared with: a rebased branch is many commits.
    parents = [] if checkout is None else checkout.parents()
    base = parents[0] if checkout is not None and len(parents) > 1 and checkout.has(parents[0]) else None
    return Merged(
        forge=forge,
        proposal=proposal,
        commit=job.commit,
        link=job.link,
        variables=given.variables(),
        request=PlanRequest(confirmed=parse_addresses(confirm)),
        origin=Origin(head=job.commit, link_base=job.file_base(job.commit)),
        base=base,
        plans=plans,
        read_plan=read_plan,
        keys=given.keys,
    )


def _execute(world: World, planned: Planned, parallelism: int | None, *, no_color: bool) -> ApplyResult:
    from declarative_paas.apply.executor import Interruption
    from declarative_paas.cli.interrupt import interruptible
    from declarative_paas.cli.progress import progress
    from declarative_paas.workflow.deploy import apply_plan

    interruption = Interruption()
    with progress(as_json=False, no_color=no_color) as shown, interruptible(interruption, shown.notify):
        return apply_plan(
            world,
            planned,
            sink=shown.sink,
            interruption=interruption,
            command="ci apply",
            parallelism=parallelism,
        )


def _describe(result: ApplyResult, plan: Plan) -> tuple[str, Sequence[str]]:
    from declarative_paas.cli.outcome import failures, summary

    return summary(result), list(failures(result, plan))


def _tell(applied: Applied) -> None:
    print(safe(f"{applied.scope}: {applied.headline}"))
    for line in (*applied.told, *(str(item) for item in applied.diagnostics if item.is_error)):
        print("\n".join(f"  | {part}" for part in safe(line).split("\n")))


def _write_files(job: Job, done: Sequence[Applied], failure: str) -> None:
    """Raises OSError."""
    from declarative_paas.ci.report_files import add_outputs, add_summary
    from declarative_paas.preview.markdown_text import code

    lines = [f"- {code(str(applied.scope))}: {code(applied.headline)}" for applied in done]
    add_summary(job.summary, ["\n".join(["### Applied", "", *lines])] if lines else [])
    add_outputs(job.outputs, {"applied": str(sum(applied.ok for applied in done)), "failure-reason": failure})
