"""The provider of `data_copy`: a verified copy of one add-on's data into another's, made once.

It stands between two regions and belongs to neither. A copy that was made is a fact and not a thing: reading it
asks no server, and deleting it leaves both sides as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.copy_result import CopyIdentity, CopyResult
from declarative_paas.core.data import DataSide
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.plan import Operation
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
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.transfer.facts import as_recorded

STREAMS = 4
"""At most so many parts of one copy are on their way at once; fewer where a plan's connections are fewer."""

FindSide = Callable[[str, Scope, ResourceAddress], DataSide]
"""(region, scope, add-on) -> its data. Raises ProviderError when there is none, or its region is not to be had."""


class DataCopies:
    """`able` are the regions whose provider can read data out and take it in."""

    def __init__(self, *, find: FindSide, able: frozenset[str], clock: Clock) -> None:
        self._find = find
        self._able = able
        self._clock = clock

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=2)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return [found for resource in resources for found in self._unable(resource)]

    def _unable(self, resource: Resource) -> Iterator[Diagnostic]:
        between = resource.attributes["between"]
        for region in sorted({between["from"]["region"], between["to"]["region"]} - self._able):
            yield error(
                "copy-unsupported",
                f"the provider of region {region} cannot copy the data of {resource.address.name} "
                f"from {between['from']['app']} to {between['to']['app']}",
                resource.position,
                expected=f"data: {{{resource.address.name}: empty}}, or regions whose providers can",
            )

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        return as_recorded(query)

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        if request.operation in (Operation.DELETE, Operation.FORGET):
            return Done(remote_id="")
        from declarative_paas.transfer.copy import CopyRequest, copy_data

        identity = identity_of(request.attributes)
        source, target = self._sides(request.scope, request.address, request.attributes)
        result = copy_data(
            CopyRequest(
                identity=identity,
                source=source.port,
                target=target.port,
                fresh=target.fresh,
                parallelism=STREAMS,
                clock=self._clock,
                report=lambda progress: context.report(str(progress)),
                cancelled=context.cancelled,
            )
        )
        return Done(
            remote_id=f"{identity.source_instance}->{identity.target_instance}",
            outputs={
                "id": request.instance,
                "copy": result.to_json(),
                "verified_at": self._clock.now().isoformat(timespec="seconds"),
            },
        )

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)

    def settle(self, scope: Scope, record: ResourceState) -> None:
        """Takes the mark off the target of a copy whose result is recorded by now. Raises ProviderError."""
        _, target = self._sides(scope, record.address, record.attributes)
        target.port.settle(identity_of(record.attributes))

    def _sides(
        self, scope: Scope, address: ResourceAddress, attributes: Mapping[str, Any]
    ) -> tuple[DataSide, DataSide]:
        between = attributes["between"]
        source, target = (
            self._find(side["region"], scope, ResourceAddress("addon", side["app"], address.name))
            for side in (between["from"], between["to"])
        )
        return source, target


def identity_of(attributes: Mapping[str, Any]) -> CopyIdentity:
    """Which copy a `data_copy` with these attributes is."""
    return CopyIdentity(source_instance=str(attributes["source"]), target_instance=str(attributes["target"]))


def result_of(record: ResourceState) -> CopyResult | None:
    """What a recorded copy found; None when the record holds none that we can read."""
    found = record.outputs.get("copy")
    try:
        return None if found is None else CopyResult.from_json(found)
    except (KeyError, ValueError, TypeError):
        return None
