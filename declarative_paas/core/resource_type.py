"""The resource types as data: what is computed, what forces a new one, what holds data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """A type's schema, as the planner needs it.

    `stable_outputs` survive an update unchanged, every other output is unknown once an update is
    planned; `force_new` attributes cannot be changed in place; `keyed` ones are maps owned key by
    key, so a key we never set is never ours to remove; `untracked` ones are told to the provider and
    never compared; `stateful` means that destroying it destroys data nobody can rebuild.
    """

    name: str
    version: int = 1
    order: int
    stable_outputs: frozenset[str] = frozenset()
    force_new: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()
    untracked: frozenset[str] = frozenset()
    stateful: bool = False


def _types() -> Mapping[str, ResourceType]:
    stable = frozenset
    table = (
        ResourceType(name="app", order=0, stable_outputs=stable({"id", "url", "web_url", "host", "name"})),
        # A generated secret's value stays in the secret store when its resource goes, so nothing is lost.
        ResourceType(name="secret", order=1, stable_outputs=stable({"id"})),
        ResourceType(
            name="addon",
            order=1,
            stable_outputs=stable({"id", "url", "host", "port", "database"}),
            force_new=stable({"service", "version"}),
            stateful=True,
        ),
        ResourceType(name="attachment", order=2),
        ResourceType(name="config", order=3, keyed=stable({"vars"})),
        ResourceType(name="slug", order=4, untracked=stable({"path"})),
        ResourceType(name="release", order=5),
        ResourceType(name="formation", order=6, keyed=stable({"processes"})),
        ResourceType(name="domain", order=7, stable_outputs=stable({"id", "url"}), force_new=stable({"hostname"})),
    )
    return MappingProxyType({kind.name: kind for kind in table})


RESOURCE_TYPES: Mapping[str, ResourceType] = _types()
