"""The memory platform behind the `Provider` protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Done,
    ErrorKind,
    InstanceKey,
    Pending,
    Present,
    ProviderError,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
    Unreachable,
)
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Sensitive, Value, decode, encode
from declarative_paas.providers.memory.world import WorldFault


class World(Protocol):
    """A `MemoryWorld` here, or a client of one in another process."""

    def put(
        self, scope: str, address: str, instance: str, key: str, attributes: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    def remove(self, scope: str, address: str, instance: str) -> None: ...

    def rename(self, scope: str, address: str, instance: str, new: str) -> None: ...

    def read(self, scope: str) -> dict[str, dict[str, Any]]: ...


class MemoryProvider:
    """One region of a memory platform. `latency_s` is how long each operation takes to be done."""

    def __init__(self, world: World, *, region: str = "us", latency_s: float = 0.0, parallelism: int = 32) -> None:
        self._world = world
        self._region = region
        self._latency_s = latency_s
        self._parallelism = parallelism

    def capabilities(self) -> Capabilities:
        declined = frozenset({"processes", "traffic", "logs"})
        return Capabilities(parallelism=self._parallelism, renames=True, declined=declined)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return ()

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        keys = [*(record.key for record in query.known), *query.pending]
        try:
            found = self._world.read(self._scoped(query.scope))
        except WorldFault as fault:
            return dict.fromkeys(keys, Unreachable(fault.summary))
        return {key: _reading(key, found.get(f"{key[0]}#{key[1]}")) for key in keys}

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        done = self._operate(request)
        if self._latency_s <= 0:
            return done
        time.sleep(self._latency_s)
        return done

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self._operate(request)

    def _operate(self, request: StepRequest) -> Done:
        scope, address = self._scoped(request.scope), str(request.address)
        try:
            match request.operation:
                case Operation.CREATE | Operation.UPDATE:
                    outputs = self._world.put(scope, address, request.instance, request.key, encode(request.attributes))
                case Operation.RENAME:
                    old = address if request.prior is None else str(request.prior.address)
                    self._world.rename(scope, old, request.instance, address)
                    outputs = {}
                case Operation.DELETE | Operation.FORGET:
                    self._world.remove(scope, address, request.instance)
                    outputs = {}
        except WorldFault as fault:
            raise ProviderError(ErrorKind(fault.kind), fault.summary) from None
        return Done(
            remote_id=f"memory-{request.instance}",
            outputs={name: _sensitive(value) for name, value in outputs.items()},
        )

    def _scoped(self, scope: object) -> str:
        return f"{scope}@{self._region}"


def _reading(key: InstanceKey, found: Mapping[str, Any] | None) -> Reading:
    if found is None:
        return Absent()
    plain = {name: value for name, value in found["outputs"].items() if not _is_sensitive(value)}
    return Present(
        remote_id=f"memory-{key[1]}",
        attributes=decode(found["attributes"]),
        outputs=plain,
        problems=tuple(found["problems"]),
    )


def _is_sensitive(value: Value) -> bool:
    return isinstance(value, dict) and "$sensitive" in value


def _sensitive(value: Value) -> Value:
    return Sensitive(value["$sensitive"]) if _is_sensitive(value) else value
