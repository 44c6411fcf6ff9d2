"""References to values: resolved at plan time wherever the value is already known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import UNKNOWN, Attributes, Reference, Value, is_list, is_map

_MISSING: Value = object()
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a resource will offer to those that refer to it.

    `known` outputs and attributes keep or get these values; anything else is unknown until applied
    when `changing`, and missing when not.
    """

    known: Attributes
    attributes: Attributes
    changing: bool

    def lookup(self, attribute: str) -> Value:
        if attribute in self.known:
            return self.known[attribute]
        if attribute in self.attributes:
            return self.attributes[attribute]
        return UNKNOWN if self.changing else _MISSING


def settled_after(kind: ResourceType, wanted: Attributes, outputs: Attributes, *, made: bool, updated: bool) -> Settled:
    """What stays known: everything when unchanged, stable outputs when updated, attributes when made."""
    if made:
        return Settled(known={}, attributes=wanted, changing=True)
    if updated:
        stable = {name: value for name, value in outputs.items() if name in kind.stable_outputs}
        return Settled(known=stable, attributes=wanted, changing=True)
    return Settled(known=outputs, attributes=wanted, changing=False)


def resolve(value: Value, settled: Mapping[ResourceAddress, Settled]) -> Value:
    """Replaces known references; keeps those that only the apply can tell. Shares what has none."""
    if isinstance(value, Reference):
        source = settled.get(value.address)
        found = UNKNOWN if source is None else source.lookup(value.attribute)
        # A reference stays in the plan as itself: it says where the value will come from.
        return value if found is UNKNOWN or found is _MISSING or isinstance(found, Reference) else found
    if is_map(value):
        changed = _resolved(value.items(), settled)
        return {**value, **changed} if changed else value
    if is_list(value):
        changed = _resolved(enumerate(value), settled)
        return [changed.get(number, item) for number, item in enumerate(value)] if changed else value
    return value


def _resolved(items: Iterable[tuple[Any, Value]], settled: Mapping[ResourceAddress, Settled]) -> dict[Any, Value]:
    """What becomes something else, by its key or place: most values hold no reference."""
    changed: dict[Any, Value] = {}
    for key, item in items:
        if item.__class__ not in _PLAIN:
            found = resolve(item, settled)
            if found is not item:
                changed[key] = found
    return changed
