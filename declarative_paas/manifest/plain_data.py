"""The shapes of plain data (JSON, or a document without positions), told to the type checker too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether the value is a mapping; its keys are text wherever data was read by us."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether the value is a list or a tuple, and not a text."""
    return isinstance(value, (list, tuple))
