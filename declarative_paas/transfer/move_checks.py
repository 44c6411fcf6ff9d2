"""The provider of `move_check`: both sides of a move that followed, compared as they were when the writes had stopped.

It is a fact, made once after the app serves again: what is not the same is told, and stops nothing any more. The
old side is there to be gone back to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.copy_result import Verification
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.following import FOLLOWER_TYPE
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Capabilities,
    Done,
    InstanceKey,
    Pending,
    ProviderError,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.transfer.facts import as_recorded

Compare = Callable[[Scope, ResourceAddress, StepContext], Verification | None]
"""(scope, follower) -> what was compared; None where nothing was held still for it, as after a kill."""

NOT_HELD = "the apply that promoted it was interrupted, and the app has written since"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCheck:
    """What a recorded check found. `wrong` tells each difference in words; `why_not` is empty where it was made."""

    compared_at: str
    comparisons: int
    wrong: tuple[str, ...]
    why_not: str

    @property
    def sentence(self) -> str:
        """`compared afterwards: 12 of 12 the same`"""
        if self.why_not:
            return f"not compared afterwards: {self.why_not}"
        same = self.comparisons - len(self.wrong)
        return f"compared afterwards: {same} of {self.comparisons} the same"


def check_of(record: ResourceState) -> MoveCheck | None:
    """What a record of a check holds; None when it holds none."""
    found: Mapping[str, Any] | None = record.outputs.get("check")
    if found is None:
        return None
    return MoveCheck(
        compared_at=str(found["compared_at"]),
        comparisons=int(found["comparisons"]),
        wrong=tuple(map(str, found["wrong"])),
        why_not=str(found["why_not"]),
    )


class MoveChecks:
    """`compare` raises ProviderError; then nothing is known, which is told and no failure: the app serves."""

    def __init__(self, *, compare: Compare, clock: Clock) -> None:
        self._compare = compare
        self._clock = clock

    def capabilities(self) -> Capabilities:
        return Capabilities()

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return ()

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        return as_recorded(query)

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        if request.operation in (Operation.DELETE, Operation.FORGET):
            return Done(remote_id="")
        follower = ResourceAddress(FOLLOWER_TYPE, request.address.app, request.address.name)
        verification, why_not = None, NOT_HELD
        try:
            verification = self._compare(request.scope, follower, context)
        except ProviderError as problem:
            why_not = problem.summary
        wrong = () if verification is None else verification.wrong
        check: dict[str, Any] = {
            "compared_at": self._clock.now().isoformat(timespec="seconds"),
            "comparisons": 0 if verification is None else len(verification.rows),
            "wrong": [f"{row.kind} {row.name}: {row.difference}" for row in wrong],
            "why_not": "" if verification is not None else why_not,
        }
        done = Done(remote_id=request.instance, outputs={"id": request.instance, "check": check})
        for text in check["wrong"]:
            context.report(f"differs: {text}")
        return done

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)
