"""The provider of generated secrets: values made once at random and kept in the secret store.

They belong to no region, so no platform is asked. A value outlives its resource in the store, and a
resource made again takes it up: a session key must not change because a manifest was moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Done,
    InstanceKey,
    Pending,
    Present,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.values import Attributes, SecretRef, Sensitive


class GeneratedSecrets:
    """`existing` answers the stored version for a name; `random_text` makes a value of a length.

    `current` answers the newest versions of all names, as they are now: a secret that was rotated since it was
    recorded is read with its new value, so that the next plan gives it to those that use it.
    """

    def __init__(
        self,
        *,
        existing: Callable[[str], SecretRef | None],
        current: Callable[[], Mapping[str, SecretRef]],
        random_text: Callable[[int], str],
        scope: str,
    ) -> None:
        self._existing = existing
        self._current = current
        self._random_text = random_text
        self._scope = scope

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=64, renames=True)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return ()

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        current: Mapping[str, SecretRef] = self._current() if query.known else {}
        readings: dict[InstanceKey, Reading] = {
            record.key: Present(
                remote_id=record.remote_id, attributes=record.attributes, outputs=_rotated(record, current)
            )
            for record in query.known
        }
        return {**dict.fromkeys(query.pending, Absent()), **readings}

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        if request.operation in (Operation.DELETE, Operation.FORGET):
            return Done(remote_id="")
        if request.operation is Operation.RENAME:
            # The value stays where it is stored; the record goes on referring to it.
            return Done(remote_id="" if request.prior is None else request.prior.remote_id)
        name = f"@{self._scope}/{request.address}.value"
        length = int(request.attributes["length"])
        longer = request.operation is Operation.UPDATE and "length" in request.changed
        found = None if longer else self._existing(name)
        value: SecretRef | Sensitive = found if found is not None else Sensitive(self._random_text(length))
        return Done(remote_id=name, outputs={"id": name, "value": value})

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)


def _rotated(record: ResourceState, current: Mapping[str, SecretRef]) -> Attributes:
    """The outputs that are not as recorded any more: the value, when another one is stored under its name."""
    recorded = record.outputs.get("value")
    if not isinstance(recorded, SecretRef):
        return {}
    found = current.get(recorded.name)
    return {} if found is None or found == recorded else {"value": found}
