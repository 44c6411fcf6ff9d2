"""What `--exclude` leaves alone: the named resources, and what cannot change as asked without their change."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, note
from declarative_paas.core.plan import Action, Change
from declarative_paas.core.resource import Resource
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import Attributes
from declarative_paas.plan.resolve import Settled, resolve, settled_after

_SHOWN = 6
"""More addresses than this are counted."""


@dataclass(slots=True)
class Exclusion:
    """Two worlds side by side: as things stand without the withheld changes, and as they would be with them.

    A resource depends on a withheld change when the two worlds give it different values, or when what
    it is built on would be made anew. It is withheld too, whatever else it may have to change.
    """

    named: Collection[ResourceAddress] = ()
    withheld: set[ResourceAddress] = field(default_factory=set[ResourceAddress])
    _with_changes: dict[ResourceAddress, Settled] = field(default_factory=dict[ResourceAddress, Settled])
    _made_anew: set[ResourceAddress] = field(default_factory=set[ResourceAddress])

    def concerns(
        self, wanted: Resource, resolved: Attributes, settled: dict[ResourceAddress, Settled]
    ) -> Attributes | None:
        """The attributes that the resource would have with the withheld changes; None when it may go on."""
        if wanted.address in self.named and not self.withheld:
            return resolved
        if not self.withheld:
            return None
        asked: Attributes = resolve(wanted.attributes, ChainMap(self._with_changes, settled))
        touched = asked != resolved or not self._made_anew.isdisjoint(wanted.dependencies())
        return asked if touched or wanted.address in self.named else None

    def withhold(self, change: Change, kind: ResourceType, outputs: Attributes) -> None:
        """This change is not made; who depends on it must not be made either."""
        made = change.action in (Action.CREATE, Action.REPLACE)
        self.withheld.add(change.address)
        self._with_changes[change.address] = settled_after(
            kind, change.after or {}, outputs, made=made, updated=not made
        )
        if made:
            self._made_anew.add(change.address)

    def keep_what_they_stand_on(
        self,
        removed: Collection[ResourceAddress],
        recorded_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    ) -> None:
        """Withholds the removal of the named, and of what a withheld resource was built on."""
        self.withheld.update(address for address in self.named if address in removed)
        open_ends = list(self.withheld)
        while open_ends:
            for needed in recorded_dependencies.get(open_ends.pop(), ()):
                if needed in removed and needed not in self.withheld:
                    self.withheld.add(needed)
                    open_ends.append(needed)

    def allows(self, address: ResourceAddress) -> bool:
        return address not in self.named and address not in self.withheld

    def remarks(self) -> list[Diagnostic]:
        """What would change and does not."""
        if not self.withheld:
            return []
        names = [str(address) for address in sorted(self.withheld)]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return [note("left-alone", f"--exclude leaves alone what would change: {', '.join(names[:_SHOWN])}{more}")]
