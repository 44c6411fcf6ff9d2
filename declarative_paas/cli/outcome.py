"""What an apply did, told at its end: counts, failures with their reasons, and where the apps answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from declarative_paas.cli.failure import provider_failure
from declarative_paas.cli.progress import seconds
from declarative_paas.core.plan import Operation
from declarative_paas.operations.apps import recorded_apps

if TYPE_CHECKING:
    from declarative_paas.apply.executor import ApplyResult
    from declarative_paas.core.plan import Plan
    from declarative_paas.core.state import Snapshot

_DONE = {
    Operation.CREATE: "created",
    Operation.RENAME: "renamed",
    Operation.UPDATE: "updated",
    Operation.PROMOTE: "promoted",
    Operation.DELETE: "deleted",
    Operation.FORGET: "forgotten",
}


def summary(result: ApplyResult) -> str:
    """`Applied: 5 created, 1 updated in 4.2s.`"""
    counts = [
        f"{result.succeeded[operation]} {word}" for operation, word in _DONE.items() if operation in result.succeeded
    ]
    done = ", ".join(counts) or "nothing done"
    if result.interrupted:
        return f"Interrupted: {done}; {result.not_started} not started. `dpaas apply` goes on from here."
    if not result.ok:
        failed, skipped = len(result.failures), len(result.skipped)
        return f"Failed: {failed} failed, {skipped} skipped because of that; {done} in {seconds(result.elapsed_s)}."
    return f"Applied: {done} in {seconds(result.elapsed_s)}."


def failures(result: ApplyResult, plan: Plan) -> Iterator[str]:
    """Each failed step with its reason and last lines, then each skipped one with what it waited for."""
    steps = {step.id: step for step in plan.steps}
    for failure in result.failures:
        yield f"{failure.step.address}: {provider_failure(failure.error)}"
    for skipped, failed in sorted(result.skipped.items()):
        waited_for = steps[failed].address if failed in steps else failed
        yield f"{steps[skipped].address if skipped in steps else skipped}: skipped: {waited_for} failed"


def urls(plan: Plan, snapshot: Snapshot) -> list[tuple[str, str]]:
    """Every app that the plan changed and that is still there, with the address it answers at."""
    changed = {change.address.app for change in plan.changes}
    return [
        (name, str(record.outputs["web_url"]))
        for name, record in recorded_apps(snapshot).items()
        if name in changed and "web_url" in record.outputs
    ]
