"""A desired resource, and what the state records of one that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Position
from declarative_paas.core.values import Attributes, decode, encode, references


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What the manifests ask for. An attribute that is absent is not managed.

    `after` orders without a reference; `price_cents` is US cents a month, None when unpriced.
    `ignored` are attribute paths (`vars.LOG_LEVEL`, `processes.web.quantity`) that somebody else owns:
    their values here are for the first time only, after that what is there stays. `declared_in` is the
    manifest file, relative to the Platform's directory. A change of one of `replace_triggered_by` makes it
    anew; with `create_before_destroy` its successor is made before it is deleted.
    """

    address: ResourceAddress
    region: str
    attributes: Attributes
    after: tuple[ResourceAddress, ...] = ()
    position: Position | None = None
    price_cents: int | None = 0
    ignored: tuple[str, ...] = ()
    declared_in: str = ""
    replace_triggered_by: tuple[ResourceAddress, ...] = ()
    create_before_destroy: bool = False
    _dependencies: tuple[ResourceAddress, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def declared_by(self, file: str) -> Resource:
        """The same, declared in this file. Spelled out: for each of many thousand, `replace` takes twice the time."""
        return Resource(
            address=self.address,
            region=self.region,
            attributes=self.attributes,
            after=self.after,
            position=self.position,
            price_cents=self.price_cents,
            ignored=self.ignored,
            declared_in=file,
            replace_triggered_by=self.replace_triggered_by,
            create_before_destroy=self.create_before_destroy,
        )

    def dependencies(self) -> tuple[ResourceAddress, ...]:
        """Addresses that must be settled before this one, sorted, each once."""
        known = self._dependencies
        if known is None:
            found = {reference.address for reference in references(self.attributes)}
            found.update(self.after)
            found.update(self.replace_triggered_by)
            found.discard(self.address)
            known = tuple(sorted(found))
            # Every phase of a plan asks, and the answer of a frozen value stays the same.
            object.__setattr__(self, "_dependencies", known)
        return known


class InstanceStatus(Enum):
    """Which of an address's instances this is."""

    CURRENT = "current"
    DEPOSED = "deposed"  # being replaced: its successor exists or is about to
    RETAINED = "retained"  # the old side of a move, kept until the move is finished


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceState:
    """One made resource: what we asked for, what the provider answered, and how it hangs together.

    Secrets stand in `attributes` and `outputs` as `SecretRef` only. `declared_in` is the manifest file that
    asked for it last: only a plan that reads that file, or would if it were there, may miss it.
    """

    address: ResourceAddress
    instance: str
    region: str
    remote_id: str
    attributes: Attributes
    outputs: Attributes = field(default_factory=dict[str, Any])
    dependencies: tuple[ResourceAddress, ...] = ()
    status: InstanceStatus = InstanceStatus.CURRENT
    price_cents: int | None = 0
    type_version: int = 1
    declared_in: str = ""

    @property
    def key(self) -> tuple[ResourceAddress, str]:
        return (self.address, self.instance)

    def lookup(self, attribute: str) -> Any:
        """The value another resource's `Reference` to this attribute gets. Raises KeyError."""
        if attribute in self.outputs:
            return self.outputs[attribute]
        return self.attributes[attribute]

    def to_json(self) -> dict[str, Any]:
        return {
            "address": str(self.address),
            "instance": self.instance,
            "region": self.region,
            "remote_id": self.remote_id,
            "status": self.status.value,
            "attributes": encode(self.attributes),
            "outputs": encode(self.outputs),
            "dependencies": [str(address) for address in self.dependencies],
            "price_cents": self.price_cents,
            "type_version": self.type_version,
            "declared_in": self.declared_in,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResourceState:
        """Raises KeyError or ValueError on a malformed record."""
        return cls.from_decoded({**data, "attributes": decode(data["attributes"]), "outputs": decode(data["outputs"])})

    @classmethod
    def from_decoded(cls, data: Mapping[str, Any]) -> ResourceState:
        """From the JSON form, its values decoded already. Raises KeyError or ValueError on a malformed record."""
        for part in ("attributes", "outputs"):
            if not isinstance(data[part], dict):
                raise ValueError(f"{part} is no mapping")
        return cls(
            address=ResourceAddress.parse(data["address"]),
            instance=data["instance"],
            region=data["region"],
            remote_id=data["remote_id"],
            status=InstanceStatus(data["status"]),
            attributes=data["attributes"],
            outputs=data["outputs"],
            dependencies=tuple([ResourceAddress.parse(text) for text in data["dependencies"]]),
            price_cents=data["price_cents"],
            type_version=data["type_version"],
            # Records of before this was told are missed by any plan, as they were then.
            declared_in=data.get("declared_in", ""),
        )
