"""What the manifests declare about what was: things that have another name now, and things to let go."""

from __future__ import annotations

from dataclasses import dataclass

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What was recorded as `old` is `new` now. For an app that holds for everything of the app."""

    old: ResourceAddress
    new: ResourceAddress
    position: Position | None = None

    def applied_to(self, address: ResourceAddress) -> ResourceAddress | None:
        """The address's new name; None when this move is not about it."""
        if address == self.old:
            return self.new
        if self.old.type == "app" and address.app == self.old.app:
            return ResourceAddress(address.type, self.new.app, address.name)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is not declared any more, and what becomes of it.

    `destroy` is the consent to destroy exactly this resource, data and all. Without it the thing is kept
    and only its record forgotten; for an app that holds for everything of the app.
    """

    address: ResourceAddress
    destroy: bool
    reason: str = ""
    position: Position | None = None

    def keeps(self, address: ResourceAddress) -> bool:
        """Whether the thing at this address is kept, and only its record forgotten."""
        mine = address == self.address or (self.address.type == "app" and address.app == self.address.app)
        return mine and not self.destroy
