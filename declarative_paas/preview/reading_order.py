"""In which order a person reads changes: app by app, what is dangerous first, then as things are built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Change, RiskKind
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.preview.summary import WORST_FIRST

_ADDONS: Final = frozenset({"addon", "attachment"})


def by_app(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """Apps by name. An add-on and its attachment stand together, at the place of the riskier one.

    The order of `changes` has no influence.
    """
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.address.app, []).append(change)
    return {app: _ordered(found[app]) for app in sorted(found)}


def _ordered(changes: list[Change]) -> list[Change]:
    worst: dict[tuple[int, str], int] = {}
    for change in changes:
        place = _place(change.address)
        worst[place] = min(worst.get(place, len(WORST_FIRST)), _rank(change))
    return sorted(
        changes,
        key=lambda change: (
            worst[_place(change.address)],
            _place(change.address),
            change.address,
            change.instance,
            change.action.value,
        ),
    )


def _place(address: ResourceAddress) -> tuple[int, str]:
    kind = RESOURCE_TYPES.get("addon" if address.type in _ADDONS else address.type)
    return (len(RESOURCE_TYPES) if kind is None else kind.order, address.name)


def _rank(change: Change) -> int:
    ranks = [WORST_FIRST.index(risk.kind) for risk in change.risks if risk.kind is not RiskKind.RESTART]
    return min(ranks, default=len(WORST_FIRST))
