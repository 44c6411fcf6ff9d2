"""Fields that somebody else owns: what is stands for what is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from declarative_paas.core.values import Attributes, Value, is_map


def with_actual(wanted: Attributes, actual: Attributes, paths: Sequence[str]) -> Attributes:
    """`wanted` with the value that `actual` has at each path (dotted, below the attributes); shares the rest.

    What is not there at the end of a path is not wanted either. Where already its parent is not there
    (a process type that is yet to be made), the wanted value stands: somebody has to give the first one.
    """
    merged = wanted
    for path in paths:
        merged = _overlaid(merged, actual, path.split("."))
    return merged


def _overlaid(wanted: Attributes, actual: Attributes, path: Sequence[str]) -> Attributes:
    name, *rest = path
    if not rest:
        if name in actual:
            return {**wanted, name: actual[name]}
        return {key: value for key, value in wanted.items() if key != name}
    have: Value = actual.get(name)
    if not is_map(have):
        return wanted
    inner: Value = wanted.get(name)
    if not is_map(inner):
        return wanted
    return {**wanted, name: _overlaid(inner, have, rest)}
