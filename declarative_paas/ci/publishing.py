"""What `dpaas ci plan` tells the forge: a comment and a status a stack, and labels. Failing to tell is a failure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from declarative_paas.ci.comment import put_comment
from declarative_paas.ci.forge import Forge, Proposal, State, Status
from declarative_paas.ci.planning import StackPlan
from declarative_paas.ci.seal import Approval, sealed_text
from declarative_paas.core.address import Scope
from declarative_paas.core.plan import Action, Plan, RiskKind, plan_to_json
from declarative_paas.preview.markdown import render_markdown

CHANGES: Final = "dpaas: changes"
DATA_LOSS: Final = "dpaas: data loss"
ERRORS: Final = "dpaas: errors"
LABELS: Final = (CHANGES, DATA_LOSS, ERRORS)
"""All that are ever put on or taken off a pull request."""


def context_of(scope: Scope) -> str:
    """The name of a stack's status: what a branch's protection can require."""
    return f"dpaas/{scope}"


def publish(
    forge: Forge, proposal: Proposal, plans: Sequence[StackPlan], until: datetime, link: str | None, stale: str | None
) -> None:
    """Comments first: a status that says it is approved must not stand where nobody could read what. Raises ForgeError.

    `stale`: why none of this is to be approved.
    """
    for plan in plans:
        put_comment(forge, proposal.number, render_markdown(plan.preview))
    for plan in plans:
        forge.set_status(proposal.head, status_of(plan, proposal, until, link, stale, forge.description_limit))
    forge.set_labels(proposal.number, sorted(labels_of(plans)), LABELS)


def status_of(
    plan: StackPlan, proposal: Proposal, until: datetime, link: str | None, stale: str | None, limit: int
) -> Status:
    """Success carries the sealed approval of the plan; anything else carries none."""
    context = context_of(plan.scope)
    if plan.failed or plan.plan is None or plan.key is None:
        count = sum(item.is_error for item in plan.preview.diagnostics)
        told = f"No plan to approve: {count} error{'' if count == 1 else 's'}"
        return Status(context=context, state=State.FAILURE, description=told, link=link)
    if stale is not None:
        return Status(context=context, state=State.FAILURE, description=stale[:limit], link=link)
    approval = Approval(
        scope=str(plan.scope),
        commit=proposal.head,
        digest=plan.plan.digest(),
        until=until,
        checksum=plan_to_json(plan.plan)["checksum"],
    )
    text = sealed_text(approval, plan.key, counts_of(plan.plan), limit)
    return Status(context=context, state=State.SUCCESS, description=text, link=link)


def labels_of(plans: Sequence[StackPlan]) -> Iterator[str]:
    """Of all stacks together: one pull request has them."""
    if any(not plan.preview.plan.is_empty for plan in plans):
        yield CHANGES
    if any(risk.kind is RiskKind.DATA_LOSS for plan in plans for risk in plan.preview.risks):
        yield DATA_LOSS
    if any(plan.failed for plan in plans):
        yield ERRORS


def counts_of(plan: Plan) -> str:
    """`+1 ~2 -0`; what is replaced is made and deleted."""
    replaced = plan.count(Action.REPLACE)
    made, changed = plan.count(Action.CREATE) + replaced, plan.count(Action.UPDATE)
    return f"+{made} ~{changed} -{plan.count(Action.DELETE) + replaced}"


def outputs_of(plans: Sequence[StackPlan], paths: Sequence[str], failure: str) -> dict[str, str]:
    """What later steps of a workflow read. `failure` is empty when all went well."""
    shown = [plan.preview.plan for plan in plans]
    replaced = sum(plan.count(Action.REPLACE) for plan in shown)
    return {
        "changes": "true" if any(not plan.is_empty for plan in shown) else "false",
        "to_add": str(sum(plan.count(Action.CREATE) for plan in shown) + replaced),
        "to_change": str(sum(plan.count(Action.UPDATE) for plan in shown)),
        "to_destroy": str(sum(plan.count(Action.DELETE) for plan in shown) + replaced),
        "json_plan_path": "\n".join(paths),
        "failure-reason": failure,
    }
