"""`dpaas ci apply`: applies to each stack what was shown and sealed for the merged pull request, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from declarative_paas.apply.executor import ApplyResult
from declarative_paas.ci.comment import put_comment
from declarative_paas.ci.forge import Forge, Proposal, State, Status
from declarative_paas.ci.http import ForgeError
from declarative_paas.ci.keys import key_in_place, sealing_key
from declarative_paas.ci.planning import plan_path
from declarative_paas.ci.publishing import context_of
from declarative_paas.ci.seal import Found, approval_in
from declarative_paas.ci.stacks import Stack
from declarative_paas.core.address import Scope
from declarative_paas.core.diagnostic import Diagnostic, has_errors
from declarative_paas.core.plan import Plan, plan_to_json
from declarative_paas.core.values import Sensitive
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.preview.markdown import render_markdown
from declarative_paas.preview.markdown_text import code, link, marker
from declarative_paas.preview.model import Origin
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow.affected import plan_affected
from declarative_paas.workflow.approval import NotApproved, check_digest, check_plan
from declarative_paas.workflow.deploy import Planned, PlanRequest, plan_changes
from declarative_paas.workflow.previewing import preview_of
from declarative_paas.workflow.project import Project, open_project
from declarative_paas.workflow.world import World, open_world

_LINES: Final = 40
"""Of failures in a comment; the job's log has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What to apply: the merged proposal, and where its approvals are read from and results told.

    `plans` is where the saved plans of `ci plan --out` lie, with which also the rest of a plan may be applied.
    `base`: only what differs from this commit is planned, as it was for the approval.
    """

    forge: Forge
    proposal: Proposal
    commit: str
    link: str | None
    variables: VariableInputs
    request: PlanRequest
    origin: Origin
    base: str | None = None
    plans: Path | None = None
    read_plan: Callable[[Path], Plan | Diagnostic]
    keys: Mapping[str, Sensitive] = field(default_factory=dict[str, Sensitive])


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How one stack ended. `result` None: nothing was begun; `told` are sentences for people."""

    stack: Stack
    scope: Scope
    ok: bool
    headline: str
    told: Sequence[str] = ()
    diagnostics: Sequence[Diagnostic] = ()
    result: ApplyResult | None = None


Execute = Callable[[World, Planned], ApplyResult]
"""Carries a plan out, showing how it goes. Raises what `apply_plan` raises."""

Describe = Callable[[ApplyResult, Plan], tuple[str, Sequence[str]]]
"""An apply in one sentence, and the lines that explain what failed."""


def apply_stack(stack: Stack, merged: Merged, execute: Execute, describe: Describe) -> Applied:
    """Plans, checks the approval, applies, reports. Raises StateError, VaultError, ForgeError when it cannot report."""
    project, diagnostics = open_project(stack.paths, stack.environment, merged.variables)
    if project is None:
        scope = Scope(stack.paths[0].resolve().name or "unknown", stack.environment or "default")
        return Applied(
            stack=stack, scope=scope, ok=False, headline="Nothing was applied: errors", diagnostics=diagnostics
        )
    with key_in_place(project, merged.keys):
        return _apply_project(stack, project, merged, execute, describe)


def _apply_project(stack: Stack, project: Project, merged: Merged, execute: Execute, describe: Describe) -> Applied:
    world, diagnostics = open_world(project)
    try:
        key = None if has_errors(diagnostics) else sealing_key(world)
        if key is None:
            told = [] if has_errors(diagnostics) else ["The platform's key is not here: nothing can be told approved."]
            return Applied(
                stack=stack,
                scope=project.scope,
                ok=False,
                headline="Nothing was applied",
                told=told,
                diagnostics=diagnostics,
            )
        return _apply(stack, merged, world, key, execute, describe)
    finally:
        world.store.close()


def _apply(stack: Stack, merged: Merged, world: World, key: Keyring, execute: Execute, describe: Describe) -> Applied:
    scope = world.project.scope
    planned = _plan(world, merged)
    plan = planned.plan
    done = Applied(stack=stack, scope=scope, ok=True, headline="Nothing to apply: it is so already")
    if plan is None or not planned.ok:
        refused = replace(done, ok=False, headline="Nothing was applied: errors", diagnostics=planned.diagnostics)
        report(merged, refused, None)
        return refused
    if plan.is_empty and not (plan.refreshed or plan.settles or planned.lapsed_holds):
        report(merged, done, None)
        return done
    try:
        _check(merged, scope, planned, key, world.clock.now())
    except NotApproved as problem:
        headline = "Nothing was applied: this is not what was approved"
        refused = replace(done, ok=False, headline=headline, told=problem.reasons, diagnostics=planned.diagnostics)
        report(merged, refused, None)
        return refused
    shown = render_markdown(replace(preview_of(world.project, planned, merged.origin), next_commands=()))
    result = execute(world, planned)
    headline, lines = describe(result, plan)
    done = replace(done, ok=result.ok, headline=headline, told=lines, diagnostics=planned.diagnostics, result=result)
    report(merged, done, shown)
    return done


def _plan(world: World, merged: Merged) -> Planned:
    if merged.base is None:
        return plan_changes(world, merged.request)
    planned, _ = plan_affected(world, merged.request, merged.base, merged.variables.files)
    return planned


def _check(merged: Merged, scope: Scope, planned: Planned, key: Keyring, now: datetime) -> None:
    """Raises NotApproved, ForgeError."""
    plan = planned.plan
    assert plan is not None, "only a plan is checked"
    found = approval_of(merged.forge, merged.proposal, scope, key, now)
    saved = None if merged.plans is None else plan_path(merged.plans, scope)
    if plan.is_empty or saved is None or not saved.exists():
        check_digest(found.approval.digest, plan)
        return
    approved = merged.read_plan(saved)
    if isinstance(approved, Diagnostic):
        raise NotApproved([approved.summary])
    if approved.digest() != found.approval.digest or not found.is_of_file(plan_to_json(approved)["checksum"], key):
        raise NotApproved([f"{saved} is not the plan that was sealed for {merged.proposal.head[:12]}"])
    check_plan(approved, planned, now)


def approval_of(forge: Forge, proposal: Proposal, scope: Scope, key: Keyring, now: datetime) -> Found:
    """The newest sealed approval of the proposal's last commit. Raises NotApproved, ForgeError."""
    statuses = forge.statuses(proposal.head, context_of(scope))
    found = [
        approval
        for status in statuses
        if status.state is State.SUCCESS
        and (approval := approval_in(status.description, str(scope), proposal.head, key)) is not None
    ]
    if not found:
        where = f"commit {proposal.head[:12]} of pull request {proposal.number}"
        if any("seal" in status.description for status in statuses):
            raise NotApproved([f"the approval at {where} has a seal that the platform's key did not make"])
        raise NotApproved([f"no plan of {scope} was made for {where}"])
    if found[0].is_expired(now):
        raise NotApproved([f"the approval held until {found[0].approval.until.isoformat(timespec='seconds')}"])
    return found[0]


def report(merged: Merged, applied: Applied, shown: str | None) -> None:
    """A status at the merged commit, and the stack's comment: what came of the plan that stood in it."""
    limit = merged.forge.description_limit
    status = Status(
        context=f"{context_of(applied.scope)}/apply",
        state=State.SUCCESS if applied.ok else State.FAILURE,
        description=applied.headline[:limit],
        link=merged.link,
    )
    problems: list[ForgeError] = []

    def tell(told: Callable[[], None]) -> None:
        # A failure does not keep the other from being told: what was applied is applied.
        try:
            told()
        except ForgeError as problem:
            problems.append(problem)

    tell(lambda: merged.forge.set_status(merged.commit, status))
    tell(lambda: put_comment(merged.forge, merged.proposal.number, result_text(merged, applied, shown)))
    if problems:
        raise problems[0]


def result_text(merged: Merged, applied: Applied, shown: str | None) -> str:
    """The comment after an apply: the result first, the plan that was applied folded below it."""
    facts = [code(str(applied.scope)), f"commit {code(merged.commit[:12])}"]
    facts += [told] if (told := link("log", merged.link)) else []
    lines = [
        marker(str(applied.scope)),
        f"### {applied.headline}",
        "",
        " · ".join(facts),
        "",
    ]
    reasons = [*applied.told, *(item.summary for item in applied.diagnostics if item.is_error)]
    lines += [f"- {code(reason)}" for reason in reasons[:_LINES]]
    if len(reasons) > _LINES:
        lines.append(f"- and {len(reasons) - _LINES} more: see the job's log")
    if shown is not None:
        lines += ["", "<details><summary>The plan</summary>", "", shown.partition("\n")[2].rstrip(), "", "</details>"]
    return "\n".join(lines) + "\n"
