"""The provider of `move`: that an app's move between two regions is open. A fact, kept in the record alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import (
    Capabilities,
    Done,
    InstanceKey,
    Pending,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource
from declarative_paas.transfer.facts import as_recorded


class Moves:
    """Asks nobody: what a move consists of are other resources, which wait for this one."""

    def capabilities(self) -> Capabilities:
        return Capabilities()

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return ()

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        return as_recorded(query)

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        return Done(remote_id=request.instance, outputs={"id": request.instance})

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)
