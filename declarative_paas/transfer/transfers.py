"""The pseudo-region of what happens between two regions: one provider, made of one for each type of resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Capabilities,
    Done,
    InstanceKey,
    Pending,
    Provider,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource


class Transfers:
    """`kinds`: resource type -> its provider."""

    def __init__(self, kinds: Mapping[str, Provider]) -> None:
        self._kinds = kinds

    def capabilities(self) -> Capabilities:
        at_once = max(kind.capabilities().parallelism for kind in self._kinds.values())
        return Capabilities(parallelism=at_once, renames=True)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return [
            found
            for name, kind in self._kinds.items()
            for found in kind.validate([resource for resource in resources if resource.address.type == name])
        ]

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        readings: dict[InstanceKey, Reading] = {}
        for name, kind in self._kinds.items():
            known = [record for record in query.known if record.address.type == name]
            pending = [key for key in query.pending if key[0].type == name]
            readings |= kind.read(replace(query, known=known, pending=pending))
        return readings

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        if request.operation is Operation.RENAME:
            # What was copied or sent is a fact: only its record has another address.
            return Done(remote_id="" if request.prior is None else request.prior.remote_id)
        return self._kinds[request.address.type].begin(request, context)

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self._kinds[request.address.type].poll(request, pending, context)
