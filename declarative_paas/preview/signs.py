"""What becomes of a resource, in a word and in a sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from declarative_paas.core.plan import Action, Change

DEEDS: Final[Mapping[str, str]] = {
    "create": "+",
    "update": "~",
    "move": "->",
    "replace": "-/+",
    "delete": "-",
    "forget": "x",
}
"""Each with its sign: an action, or a move, which keeps the old side."""

MADE_FIRST: Final = "+/-"
"""A replacement that makes the new one before it deletes the old one, as Terraform shows it."""


def deed_of(change: Change) -> str:
    """One of `DEEDS`."""
    return "move" if change.retains else change.action.value


def sign_of(change: Change) -> str:
    """What stands before the change, in every format."""
    made_first = change.action is Action.REPLACE and change.create_before_destroy
    return MADE_FIRST if made_first else DEEDS[deed_of(change)]
