"""A move of an app between two regions, as its `move` resource tells it (ADR 0003)."""

from __future__ import annotations

from dataclasses import dataclass

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.values import Attributes

MOVE_TYPE = "move"
"""The resource type that is there as long as a move is open: one an app."""

COPY_TYPE = "move_copy"
"""The resource type of the data that a move brings from an add-on's old instance to its new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionMove:
    """From one region to another; `back` once the app returns to the one that it came from."""

    source: str
    target: str
    back: bool = False

    @property
    def destination(self) -> str:
        """Where the app is to serve when all is done."""
        return self.source if self.back else self.target

    @property
    def left(self) -> str:
        """Where it is to be stopped, and kept."""
        return self.target if self.back else self.source

    @classmethod
    def of(cls, attributes: Attributes) -> RegionMove:
        """From the attributes of a `move` resource. Raises KeyError."""
        return cls(source=str(attributes["from"]), target=str(attributes["to"]), back=bool(attributes["back"]))

    def attributes(self) -> Attributes:
        """As its `move` resource has them."""
        return {"from": self.source, "to": self.target, "back": self.back}


def move_address(app: str) -> ResourceAddress:
    """Where an app's open move is recorded."""
    return ResourceAddress(MOVE_TYPE, app)
