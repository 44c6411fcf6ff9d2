"""What must hold of a fork before a step of it is taken; asked by the executor, of what is recorded by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation, Step
from declarative_paas.core.provider import InstanceKey, ProviderError
from declarative_paas.core.resource import ResourceState
from declarative_paas.workflow.fork_credentials import ForkGuard


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkAdmission:
    """`settle` takes the mark off the target of a copy that is recorded; raises ProviderError."""

    guard: ForkGuard
    settle: Callable[[ResourceState], None]
    _settled: set[InstanceKey] = field(default_factory=set[InstanceKey])

    def admit(self, step: Step, records: Mapping[ResourceAddress, ResourceState]) -> None:
        """Raises ProviderError for a step that must not be taken."""
        if step.operation not in (Operation.CREATE, Operation.UPDATE):
            return
        self.guard.admit(step, records)
        self._settle(step, records)

    def _settle(self, step: Step, records: Mapping[ResourceAddress, ResourceState]) -> None:
        """Before a fork first serves, and before it is a source itself, its copies are no longer marked.

        Both come after its release, so the copies' results are in the state durably: its intent was written with
        them. A mark that stays because its region cannot be reached does no harm to the fork; as a source it is
        refused.
        """
        app = self.guard.apps.get(step.address.app)
        if app is None or app.fork is None:
            return
        match step.address.type:
            case "formation":
                copied = app
            case "data_copy" if (source := self.guard.apps.get(app.fork.source)) is not None:
                copied = source
            case _:
                return
        # By address: an apply has tens of thousands of records, and this is asked of every step.
        for alias in copied.fork.data if copied.fork is not None else ():
            record = records.get(ResourceAddress("data_copy", copied.name, alias))
            if record is not None and record.key not in self._settled:
                try:
                    self.settle(record)
                    self._settled.add(record.key)
                except ProviderError:
                    continue
