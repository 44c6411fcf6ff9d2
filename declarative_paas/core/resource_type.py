"""The resource types as data: what is computed, what forces a new one, what holds data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from declarative_paas.core.values import Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """A type's schema, as the planner needs it.

    `stable_outputs` survive an update unchanged, every other output is unknown once an update is
    planned; `force_new` attributes cannot be changed in place; `keyed` ones are maps owned key by
    key, so a key we never set is never ours to remove; `untracked` ones are told to the provider and
    never compared; `stateful` means that destroying it destroys data nobody can rebuild, unless an
    attribute of `kept_elsewhere` is set: then the data is somebody else's. `names_unique` means that a
    region takes one of this name at a time, so a new one cannot be made while the old one is there.
    """

    name: str
    version: int = 1
    order: int
    stable_outputs: frozenset[str] = frozenset()
    force_new: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()
    untracked: frozenset[str] = frozenset()
    stateful: bool = False
    kept_elsewhere: frozenset[str] = frozenset()
    names_unique: bool = True

    def holds_data(self, attributes: Attributes) -> bool:
        """Whether destroying this one destroys data of ours."""
        return self.stateful and all(attributes.get(name) is None for name in self.kept_elsewhere)


def _types() -> Mapping[str, ResourceType]:
    stable = frozenset
    table = (
        # There as long as a move of the app between two regions is open (ADR 0003).
        ResourceType(name="move", order=0, stable_outputs=stable({"id"})),
        ResourceType(name="app", order=0, stable_outputs=stable({"id", "url", "web_url", "host", "name"})),
        # A generated secret's value stays in the secret store when its resource goes, so nothing is lost.
        ResourceType(name="secret", order=1, stable_outputs=stable({"id"})),
        ResourceType(
            name="addon",
            order=1,
            stable_outputs=stable({"id", "url", "host", "port", "database"}),
            force_new=stable({"service", "version"}),
            stateful=True,
            # With credentials it is a service that others run: only its account is recorded here.
            kept_elsewhere=stable({"credentials"}),
            # Its servers and databases are named by instance; only its config vars are named by the app.
            names_unique=False,
        ),
        ResourceType(name="attachment", order=2),
        # Made once for a target as it is: whatever becomes of the source later, the target has data of its own.
        ResourceType(
            name="data_copy",
            order=2,
            stable_outputs=stable({"id"}),
            force_new=stable({"target"}),
            untracked=stable({"source", "between"}),
        ),
        # What a move brings: as a data_copy, from the add-on's old instance to its new one.
        ResourceType(
            name="move_copy",
            order=2,
            stable_outputs=stable({"id"}),
            force_new=stable({"target"}),
            untracked=stable({"source", "between"}),
        ),
        # The way between two regions that followers use: kept as long as one of them needs it.
        ResourceType(name="link", order=1, stable_outputs=stable({"id"})),
        # As a data_copy, and kept like its source from then on, until it is promoted.
        ResourceType(
            name="follower",
            order=2,
            stable_outputs=stable({"id", "copy", "verified_at"}),
            force_new=stable({"target"}),
            untracked=stable({"source", "between", "compare"}),
        ),
        # Both sides of a move that followed, compared once the app serves again.
        ResourceType(name="move_check", order=7, stable_outputs=stable({"id"})),
        # Made again for every new slug of the source; a slug that is there is not sent twice.
        ResourceType(name="slug_copy", order=3, stable_outputs=stable({"id"}), untracked=stable({"between"})),
        ResourceType(name="config", order=3, keyed=stable({"vars"})),
        ResourceType(name="slug", order=4, untracked=stable({"path"})),
        ResourceType(name="release", order=5),
        ResourceType(name="formation", order=6, keyed=stable({"processes"})),
        ResourceType(name="domain", order=7, stable_outputs=stable({"id", "url"}), force_new=stable({"hostname"})),
    )
    return MappingProxyType({kind.name: kind for kind in table})


RESOURCE_TYPES: Mapping[str, ResourceType] = _types()
