"""`dpaas ci plan`, step by step: surroundings, plans, reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.continuous import Continuous, give_up
from declarative_paas.cli.planoptions import parse_addresses
from declarative_paas.cli.terminal import safe

if TYPE_CHECKING:
    from declarative_paas.ci.forge import Proposal
    from declarative_paas.ci.planning import StackPlan, Wishes
    from declarative_paas.ci.surroundings import Job
    from declarative_paas.workflow.git_changes import Checkout


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `ci plan` alone."""

    affected: bool
    strict_base: bool
    lifetime: timedelta
    out: Path | None
    confirm: Sequence[str]


def run_ci_plan(given: Continuous, asked: Asked) -> bool:
    """Whether anything would change. Raises SurroundingsError, GitError, StateError; ends the command on a failure."""
    from declarative_paas.ci.http import ForgeError
    from declarative_paas.ci.planning import merge_result, plan_stack, same_scope
    from declarative_paas.ci.publishing import publish
    from declarative_paas.workflow.git_changes import Checkout

    job = given.job()
    if job.proposal is None:
        give_up(job, "no-pull-request", "this workflow does not run for a pull request", expected="`dpaas ci apply`")
    checkout = Checkout.around(Path())
    stacks = given.stacks()
    until = datetime.now(UTC) + asked.lifetime
    if job.proposal.is_fork:
        _offline(given, asked, job, job.proposal, checkout)
        return False
    try:
        forge = job.forge()
        base, moved = merge_result(checkout, job.proposal, forge.branch_head(job.proposal.base))
        wishes = _wishes(given, asked, job, checkout, base, until, moved)
        plans = [plan_stack(stack, wishes) for stack in stacks]
        for problem in same_scope(plans):
            give_up(job, "same-scope", problem)
        paths = _saved(asked.out, plans, job)
        _tell(plans)
        publish(forge, job.proposal, plans, until, job.link, moved if asked.strict_base else None)
    except ForgeError as problem:
        give_up(job, "not-reported", f"{job.platform.value} was not told, or not in full: {problem}")
    failed = any(plan.failed for plan in plans) or (asked.strict_base and moved is not None)
    _write_files(job, plans, paths, "plan-errors" if failed else "")
    if failed:
        raise typer.Exit(exitcode.FAILED)
    return any(not plan.preview.plan.is_empty for plan in plans)


def _wishes(
    given: Continuous,
    asked: Asked,
    job: Job,
    checkout: Checkout,
    base: str | None,
    until: datetime,
    moved: str | None,
) -> Wishes:
    from declarative_paas.ci.planning import Wishes
    from declarative_paas.core.provenance import Provenance
    from declarative_paas.preview.model import Origin
    from declarative_paas.workflow.deploy import PlanRequest

    assert job.proposal is not None, "only a proposal is planned"
    remarks = [moved] if moved else []
    narrowed = base if asked.affected and base is not None and checkout.has(base) else None
    if asked.affected and narrowed is None:
        remarks.append("Planned: everything, for this clone does not hold the commit that the change is compared with.")
    return Wishes(
        variables=given.variables(),
        request=PlanRequest(confirmed=parse_addresses(asked.confirm)),
        origin=Origin(base=base, head=job.proposal.head, link_base=job.file_base(job.proposal.head), job=job.link),
        base=narrowed,
        provenance=Provenance(base=base, head=job.proposal.head, expires=until.replace(microsecond=0)),
        remarks=tuple(remarks),
        keys=given.keys,
    )


def _offline(given: Continuous, asked: Asked, job: Job, proposal: Proposal, checkout: Checkout) -> None:
    """A fork's pull request: no token is used, no state read. What can be told goes to the step's summary, or, as on
    GitLab where there is none, into the job's log."""
    from declarative_paas.ci.planning import Wishes, offline_text
    from declarative_paas.ci.report_files import add_outputs, add_summary
    from declarative_paas.preview.model import Origin
    from declarative_paas.workflow.deploy import PlanRequest

    parents = checkout.parents()
    base = parents[0] if len(parents) > 1 and proposal.head in parents[1:] else None
    wishes = Wishes(
        variables=given.variables(),
        request=PlanRequest(),
        origin=Origin(base=base, head=proposal.head, link_base=job.file_base(proposal.head)),
        base=base,
    )
    told = [offline_text(stack, wishes, checkout) for stack in given.stacks()]
    texts = [text for text, _ in told]
    add_summary(job.summary, texts)
    print("A fork's pull request: checked without the state, and not planned.")
    well = all(ok for _, ok in told)
    add_outputs(job.outputs, {"failure-reason": "" if well else "plan-errors"})
    if not well or job.summary is None:
        print(safe("\n".join(texts)))
    if not well:
        raise typer.Exit(exitcode.FAILED)


def _saved(directory: Path | None, plans: Sequence[StackPlan], job: Job) -> list[str]:
    """Writes the plans, on GitLab with the reports that its merge requests show; their paths. Raises OSError."""
    from declarative_paas.ci.planning import plan_paths
    from declarative_paas.ci.report_files import QUALITY_FILE, quality_report
    from declarative_paas.ci.surroundings import Platform
    from declarative_paas.cli.planfile import write_plan
    from declarative_paas.preview.gitlab import gitlab_view

    if directory is None:
        return []
    directory.mkdir(parents=True, exist_ok=True)
    paths: list[str] = []
    for path, plan in plan_paths(directory, plans):
        write_plan(plan, path)
        paths.append(str(path))
    if job.platform is Platform.GITLAB:
        for shown in plans:
            report = directory / f"{str(shown.scope).replace('/', '.')}.terraform.json"
            report.write_text(json.dumps(gitlab_view(shown.preview)) + "\n", encoding="utf-8")
        quality = json.dumps(quality_report([shown.preview for shown in plans]), indent=1)
        (directory / QUALITY_FILE).write_text(f"{quality}\n", encoding="utf-8", errors="replace")
    return paths


def _tell(plans: Sequence[StackPlan]) -> None:
    for plan in plans:
        print(safe(f"{plan.scope}: {plan.preview.verdict_text}"))
        for item in plan.preview.diagnostics:
            if item.is_error:
                # Never at the beginning of a line: GitHub would take `::` there for a command of ours.
                print("\n".join(f"  | {line}" for line in safe(str(item)).split("\n")))


def _write_files(job: Job, plans: Sequence[StackPlan], paths: Sequence[str], failure: str) -> None:
    """Raises OSError."""
    from declarative_paas.ci.publishing import outputs_of
    from declarative_paas.ci.report_files import add_outputs, add_summary, annotation_lines
    from declarative_paas.ci.surroundings import Platform
    from declarative_paas.preview.markdown import render_markdown

    if job.platform is not Platform.GITLAB:
        for line in annotation_lines([plan.preview for plan in plans]):
            print(line)
    add_summary(job.summary, [render_markdown(plan.preview) for plan in plans])
    add_outputs(job.outputs, outputs_of(plans, paths, failure))
