"""Exceptions that a person can do something about, each in words. Imported only once something went wrong."""

from __future__ import annotations

import os

from declarative_paas.ci.http import ForgeError
from declarative_paas.ci.surroundings import SurroundingsError
from declarative_paas.cli.terminal import safe
from declarative_paas.core.provider import ProviderError
from declarative_paas.core.state import LeaseLost, LockHeld, StateError
from declarative_paas.vault.keyring import VaultError
from declarative_paas.workflow.approval import NotApproved
from declarative_paas.workflow.git_changes import GitError
from declarative_paas.workflow.stale import StalePlan


def describe(problem: Exception) -> str | None:
    """What to print on stderr; None for an exception that only a bug raises."""
    match problem:
        case ProviderError():
            return provider_failure(problem)
        case StalePlan():
            moved = "\n".join(f"  - {item}" for item in problem.moved)
            refusal = "error: this plan is stale, so nothing was done: what it was made from has moved"
            return f"{refusal}\n{moved}\nPlan again."
        case NotApproved():
            reasons = "\n".join(f"  {item}" for item in problem.reasons)
            refusal = "error: this is not what was approved, so nothing was done"
            return f"{refusal}\n{safe(reasons)}\nHave the new plan approved."
        case LockHeld():
            return f"error: {problem}\n`--lock-timeout SECONDS` of apply and destroy waits for it."
        case LeaseLost():
            return f"error: {problem}\nAnother process took the lock over; run the command again once it has ended."
        case StateError() | VaultError() | GitError() | ForgeError() | SurroundingsError():
            return f"error: {problem}"
        case OSError():
            return f"error: {os_failure(problem)}"
        case _:
            return None


def provider_failure(problem: ProviderError) -> str:
    """The summary with the platform's code, and the last lines of output that explain it."""
    code = f" [{problem.code}]" if problem.code else ""
    return safe("\n".join([f"error: {problem.summary}{code}", *(f"  | {line}" for line in problem.detail)]))


def os_failure(problem: OSError) -> str:
    """`PATH: why`, as the system says it."""
    reason = problem.strerror or type(problem).__name__
    path = problem.filename
    return f"{os.fsdecode(path)}: {reason}" if isinstance(path, (str, bytes)) else reason
