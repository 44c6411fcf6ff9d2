"""What a plan is made from: values only, gathered by the workflow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.lifecycle import Move, Removal
from declarative_paas.core.provider import InstanceKey, Reading
from declarative_paas.core.resource import Resource
from declarative_paas.core.resource_type import RESOURCE_TYPES, ResourceType
from declarative_paas.core.state import Snapshot


def _everything(declared_in: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """`readings` may lack an instance: then what is recorded is taken for what is (no refresh).

    `targets` are addresses or app names; empty means everything. `excludes` are so too: what they name
    is left alone. `replaces` are made anew although nothing asks for it. `refresh_only` changes nothing
    but records. `confirmed` are the stateful resources whose destruction the user named. `renaming` are
    the regions whose provider can give a thing another address. `reads` tells of a manifest file,
    relative to the Platform's directory, whether this plan reads it, or would if it were there. `finishing` are
    apps whose old side, kept of a move, is to go; `returning` those that were asked to go back to it.
    """

    scope: Scope
    desired: Mapping[ResourceAddress, Resource]
    snapshot: Snapshot
    readings: Mapping[InstanceKey, Reading]
    tool_version: str
    catalog_digest: str = ""
    destroy: bool = False
    refresh_only: bool = False
    targets: Collection[str] = ()
    excludes: Collection[str] = ()
    replaces: Collection[ResourceAddress] = ()
    confirmed: Collection[ResourceAddress] = ()
    moves: Sequence[Move] = ()
    removals: Sequence[Removal] = ()
    renaming: Collection[str] = ()
    jurisdictions: Mapping[str, str] = field(default_factory=dict[str, str])
    reads: Callable[[str], bool] = _everything
    finishing: Collection[str] = ()
    returning: Collection[str] = ()
    types: Mapping[str, ResourceType] = field(default_factory=lambda: RESOURCE_TYPES)
