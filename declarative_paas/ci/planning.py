"""`dpaas ci plan`: plans what a pull request would make of each stack once it is merged, for its reviewers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from declarative_paas.ci.forge import Proposal
from declarative_paas.ci.keys import key_in_place, sealing_key
from declarative_paas.ci.stacks import Stack
from declarative_paas.core.address import Scope
from declarative_paas.core.diagnostic import Diagnostic, error, has_errors
from declarative_paas.core.plan import Plan
from declarative_paas.core.provenance import Provenance
from declarative_paas.core.values import Sensitive
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.preview.markdown_text import code, marker
from declarative_paas.preview.model import Origin, Preview
from declarative_paas.preview.review import left_unread, review_failure
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow.affected import Affected, plan_affected, remarks, touched_apps
from declarative_paas.workflow.beside import planned_beside
from declarative_paas.workflow.deploy import Planned, PlanRequest, plan_changes
from declarative_paas.workflow.git_changes import Checkout, GitError
from declarative_paas.workflow.previewing import preview_of
from declarative_paas.workflow.project import Project, open_project
from declarative_paas.workflow.world import World, open_world

NEXT: Final = "Once it is merged, dpaas ci apply applies exactly this, or nothing."
"""Instead of commands: nobody is to type any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line asks of every stack's plan. `base`: only what differs from this commit is planned."""

    variables: VariableInputs
    request: PlanRequest
    origin: Origin
    base: str | None = None
    provenance: Provenance | None = None
    remarks: tuple[str, ...] = ()
    keys: Mapping[str, Sensitive] = field(default_factory=dict[str, Sensitive])


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """One stack's plan, shown. `plan` None: there is none to approve. `key` seals what is approved."""

    stack: Stack
    scope: Scope
    preview: Preview
    plan: Plan | None
    key: Keyring | None

    @property
    def failed(self) -> bool:
        return self.preview.failed or has_errors(self.preview.diagnostics)


def plan_stack(stack: Stack, wishes: Wishes) -> StackPlan:
    """Reads the stack's state and regions, and changes nothing. Raises StateError, VaultError, GitError."""
    project, diagnostics = open_project(stack.paths, stack.environment, wishes.variables)
    if project is None:
        scope = Scope(stack.paths[0].resolve().name or "unknown", stack.environment or "default")
        return _failed(stack, scope, diagnostics, wishes)
    with key_in_place(project, wishes.keys):
        return _plan_project(stack, project, wishes)


def _plan_project(stack: Stack, project: Project, wishes: Wishes) -> StackPlan:
    world, diagnostics = open_world(project)
    try:
        if has_errors(diagnostics):
            return _failed(stack, project.scope, diagnostics, wishes)
        key = sealing_key(world)
        if key is None:
            return _failed(stack, project.scope, [_no_key(project)], wishes)
        planned, told = _planned(world, wishes)
        preview = preview_of(project, planned, wishes.origin)
    finally:
        world.store.close()
    ok = planned.ok and planned.plan is not None
    preview = replace(preview, remarks=(*wishes.remarks, *told, *preview.remarks), next_commands=())
    if ok and not preview.plan.is_empty:
        unread = left_unread(preview.diagnostics)
        standing = f"{NEXT} It may not be all there is to do: {unread}." if unread else NEXT
        preview = replace(preview, standing=standing, may_be_applied=True)
    plan = None if planned.plan is None or not ok else replace(planned.plan, provenance=wishes.provenance)
    return StackPlan(stack=stack, scope=project.scope, preview=preview, plan=plan, key=key)


def same_scope(plans: Sequence[StackPlan]) -> Iterator[str]:
    """Stacks that would share one state, one comment and one status: told, for each would undo the other."""
    first: dict[Scope, Stack] = {}
    for plan in plans:
        known = first.setdefault(plan.scope, plan.stack)
        if known is not plan.stack:
            yield f"{known.name} and {plan.stack.name} are both {plan.scope}: a Platform needs a name of its own"


def merge_result(checkout: Checkout, proposal: Proposal, tip: str) -> tuple[str | None, str | None]:
    """The commit that the change is compared with, and what is wrong with what is checked out; each may be None.

    `tip` is the last commit of the branch that the proposal goes to. Raises GitError when something else than the
    proposal is checked out.
    """
    if not checkout.contains(proposal.head):
        raise GitError(
            f"what is checked out does not contain {proposal.head[:12]}, the last commit of the pull request: "
            f"check out its merge commit, or fetch its history"
        )
    parents = checkout.parents()
    base = parents[0] if len(parents) > 1 and proposal.head in parents[1:] else checkout.merge_base(tip)
    if checkout.contains(tip):
        return base, None
    return base, f"{proposal.base} has moved on to {tip[:12]}: this is not what a merge would make now. Plan again."


def offline_text(stack: Stack, wishes: Wishes, checkout: Checkout) -> tuple[str, bool]:
    """For a fork's pull request, which gets no secrets: what can be told without the state, and whether it is well."""
    from declarative_paas.preview.markdown import render_markdown

    project, diagnostics = open_project(stack.paths, stack.environment, wishes.variables)
    reason = "This pull request comes from a fork, so it gets no secrets: the state was not read, nothing was planned."
    if project is None:
        failed = replace(review_failure(diagnostics, None, wishes.origin), remarks=(reason,))
        return render_markdown(failed), False
    lines = [
        marker(str(project.scope)),
        "### Checked without the state: the manifests can be read",
        "",
        f"{code(str(project.scope))} · **{reason}** What would change is not known.",
        "",
        *_touched_lines(project, checkout, wishes.base),
        "To have it planned, somebody who may read the state pushes the branch to this repository.",
    ]
    return "\n".join(lines) + "\n", True


def _touched_lines(project: Project, checkout: Checkout, base: str | None) -> Iterator[str]:
    if base is None or not checkout.has(base):
        return
    touched = touched_apps(project, checkout, base)
    apps = sorted(touched.apps)
    shown = ", ".join(code(name) for name in apps[:50]) + (f" and {len(apps) - 50} more" if len(apps) > 50 else "")
    if touched.everything:
        yield "The change can concern every app."
    else:
        yield f"The change touches {len(apps)} {'app' if len(apps) == 1 else 'apps'}{f': {shown}' if apps else ''}."
    yield ""


def _planned(world: World, wishes: Wishes) -> tuple[Planned, list[str]]:
    base = wishes.base
    if base is None:
        return planned_beside(world, lambda: plan_changes(world, wishes.request)), []
    affected = Affected(apps=None)

    def plan() -> Planned:
        nonlocal affected
        made, affected = plan_affected(world, wishes.request, base, wishes.variables.files)
        return made

    planned = planned_beside(world, plan)
    if planned.plan is not None:
        # Chosen by us, not by somebody who leaves a part out: it is all that the change can have an effect on.
        planned = replace(planned, plan=replace(planned.plan, targets=()))
    return planned, [] if planned.plan is None else list(remarks(affected, base))


def _failed(stack: Stack, scope: Scope, diagnostics: Sequence[Diagnostic], wishes: Wishes) -> StackPlan:
    preview = review_failure(diagnostics, scope, wishes.origin)
    preview = replace(preview, remarks=wishes.remarks, next_commands=())
    return StackPlan(stack=stack, scope=scope, preview=preview, plan=None, key=None)


def _no_key(project: Project) -> Diagnostic:
    return error(
        "no-key",
        f"there is no key of {project.scope.platform} here, which seals what is approved",
        expected="the content of the platform's .dpaas/secret.key in DPAAS_CI_KEY, from a secret of the workflow",
    )


def plan_paths(directory: Path, plans: Sequence[StackPlan]) -> list[tuple[Path, Plan]]:
    """Where each plan is saved: a file a stack, named by its scope."""
    return [(plan_path(directory, plan.scope), plan.plan) for plan in plans if plan.plan is not None]


def plan_path(directory: Path, scope: Scope) -> Path:
    """Of one stack; `ci apply` looks for it under the same name."""
    return directory / f"{str(scope).replace('/', '.')}.json"
