"""The memory platform behind the `Provider` protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.data import DataSide
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.links import LinkAddress, LinkHost
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Discovered,
    Done,
    InstanceKey,
    Pending,
    Present,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
    Unreachable,
)
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Sensitive, Value, decode, encode
from declarative_paas.providers.memory.data import DataWorld, world_told
from declarative_paas.providers.memory.followers import MemoryFollowPort
from declarative_paas.providers.memory.links import MemoryLinkEnd
from declarative_paas.providers.memory.world import WorldFault


class World(DataWorld, Protocol):
    """A `MemoryWorld` here, or a client of one in another process."""

    def put(
        self, scope: str, address: str, instance: str, key: str, attributes: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    def remove(self, scope: str, address: str, instance: str) -> None: ...

    def rename(self, scope: str, address: str, instance: str, new: str) -> None: ...

    def read(self, scope: str) -> dict[str, dict[str, Any]]: ...

    def everything(self) -> list[dict[str, Any]]: ...

    def rescope(self, things: Sequence[tuple[str, str, str]], scope: str) -> None: ...


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

    def discover(self) -> Sequence[Discovered]:
        """A memory platform keeps no value of a secret that it was given: only those that it made itself."""
        with world_told():
            found = self._world.everything()
        mine = [(item, Scope.parse(scope)) for item in found for scope in [self._owner(item["scope"])] if scope]
        return [
            Discovered(
                scope=scope,
                address=ResourceAddress.parse(item["address"]),
                instance=item["instance"],
                remote_id=f"memory-{item['instance']}",
                attributes=decode(item["attributes"]),
                outputs={name: _sensitive(value) for name, value in item["outputs"].items()},
            )
            for item, scope in mine
        ]

    def adopt(self, things: Sequence[Discovered], scope: Scope) -> None:
        with world_told():
            self._world.rescope(
                [(self._scoped(thing.scope), str(thing.address), thing.instance) for thing in things],
                self._scoped(scope),
            )

    def _owner(self, scoped: str) -> str:
        """The scope of what is in this region; "" for what is in another one of the same world."""
        scope, _, region = scoped.rpartition("@")
        return scope if region == self._region else ""

    def _operate(self, request: StepRequest) -> Done:
        scope, address = self._scoped(request.scope), str(request.address)
        outputs: Mapping[str, Any] = {}
        with world_told():
            match request.operation:
                case Operation.CREATE | Operation.UPDATE:
                    outputs = self._world.put(scope, address, request.instance, request.key, encode(request.attributes))
                case Operation.RENAME:
                    old = address if request.prior is None else str(request.prior.address)
                    self._world.rename(scope, old, request.instance, address)
                case Operation.PROMOTE:
                    raise ValueError("a region promotes nothing: that is done between two")
                case Operation.DELETE | Operation.FORGET:
                    self._world.remove(scope, address, request.instance)
        return Done(
            remote_id=f"memory-{request.instance}",
            outputs={name: _sensitive(value) for name, value in outputs.items()},
        )

    def data_side(self, scope: Scope, addon: ResourceAddress) -> DataSide:
        """The add-on's rows; see `core.data.DataHolder`."""
        port = MemoryFollowPort(world=self._world, scope=self._scoped(scope), address=str(addon))
        port.rows()
        return port.side()

    def link_address(self) -> LinkAddress | None:
        return None

    def near(self, other: LinkHost) -> bool:
        return isinstance(other, MemoryProvider)

    def link_end(self) -> MemoryLinkEnd:
        return MemoryLinkEnd()

    def _scoped(self, scope: object) -> str:
        return f"{scope}@{self._region}"


def _reading(key: InstanceKey, found: Mapping[str, Any] | None) -> Reading:
    if found is None:
        return Absent()
    plain = {
        name: value
        for name, value in found["outputs"].items()
        if value.__class__ is not dict or not _is_sensitive(value)
    }
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
