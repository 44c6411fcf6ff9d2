"""Followers as resources: an add-on in another app or region that is kept like its source until it is promoted.

A follower's `promoted` is no fact of its making: it comes about by a step of its own, after the step that made it
follow. Between the two lies the freeze of a move.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.plan import Action, Change, Operation
from declarative_paas.core.values import Attributes

FOLLOWER_TYPE: Final = "follower"
"""The resource type of one add-on that follows another: a fork's, or the new side of a move."""

CHECK_TYPE: Final = "move_check"
"""The resource type of the comparison of both sides of a move that followed, made after the app serves again."""

PROMOTED: Final = "promoted"
"""The attribute of a follower that a promotion sets: from then on it is a database of its own."""


def link_address(source: str, target: str) -> ResourceAddress:
    """Where the link from one region to another is recorded: `link.us-eu`."""
    return ResourceAddress(LINK_TYPE, f"{source}-{target}")


def follows(attributes: Attributes) -> bool:
    """Whether a follower with these attributes still follows."""
    return attributes.get(PROMOTED) is not True


def is_move(attributes: Attributes) -> bool:
    """Whether what is brought with these attributes is brought by a move: then both sides are one app's."""
    between: Mapping[str, Any] = attributes["between"]
    return bool(between["from"]["app"] == between["to"]["app"])


def promotes(change: Change) -> bool:
    """Whether a change ends with a promotion."""
    if change.address.type != FOLLOWER_TYPE or change.after is None or follows(change.after):
        return False
    return change.action in (Action.CREATE, Action.REPLACE) or (
        change.action is Action.UPDATE and follows(change.before or {})
    )


def at_step(operation: Operation, address: ResourceAddress, attributes: Attributes) -> Attributes:
    """The attributes as they are once a step has been taken: nothing but a promotion promotes."""
    if address.type != FOLLOWER_TYPE or operation not in (Operation.CREATE, Operation.UPDATE):
        return attributes
    return {**attributes, PROMOTED: False}
