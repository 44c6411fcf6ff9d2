"""The dynos that a formation's attributes stand for, whatever shape those have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from declarative_paas.core.values import Value


def quantities(attributes: Mapping[str, Value] | None) -> dict[str, tuple[str, int]]:
    """(size, quantity) by process type."""
    processes = (attributes or {}).get("processes")
    found: dict[str, tuple[str, int]] = {}
    if isinstance(processes, Mapping):
        for name, process in cast("Mapping[str, Value]", processes).items():
            if isinstance(process, Mapping):
                given = cast("Mapping[str, Value]", process)
                quantity = given.get("quantity")
                found[name] = (str(given.get("size")), quantity if isinstance(quantity, int) else 0)
    return found


def names(found: Mapping[str, tuple[str, int]], types: Iterable[str]) -> list[str]:
    """`web.1, web.2` of the given process types."""
    return [f"{name}.{number}" for name in types for number in range(1, found[name][1] + 1)]
