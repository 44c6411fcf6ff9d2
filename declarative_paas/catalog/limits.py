"""The platform's rules for a formation: how many dynos, and which tiers may run side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from declarative_paas.catalog.model import Catalog, DynoSize

Rule: TypeAlias = Literal["dynos-per-app", "dynos-per-type", "tiers-do-not-mix"]

Formation: TypeAlias = Mapping[str, tuple[str, int]]
"""Process type -> (size as written, quantity)."""

Running: TypeAlias = Mapping[str, tuple[DynoSize, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormationViolation:
    """One rule broken, by which process types, sorted. `suggestion`: a size or a quantity to write instead."""

    rule: Rule
    process_types: tuple[str, ...]
    summary: str
    expected: str
    suggestion: str | None = None


def formation_limits(catalog: Catalog, formation: Formation) -> list[FormationViolation]:
    """Pure: every rule the formation breaks, in a fixed order.

    A process type scaled to 0 has no dynos and breaks nothing. An unknown size counts for the app's total
    only: that it is unknown is told elsewhere.
    """
    running: dict[str, tuple[DynoSize, int]] = {}
    for process_type, (name, quantity) in sorted(formation.items()):
        size = catalog.size(name)
        if size is not None and quantity > 0:
            running[process_type] = (size, quantity)
    return [
        *_dynos_per_app(catalog, formation),
        *_dynos_per_type(catalog, running),
        *_tiers_do_not_mix(catalog, running),
    ]


def _dynos_per_app(catalog: Catalog, formation: Formation) -> Iterator[FormationViolation]:
    total = sum(max(quantity, 0) for _, quantity in formation.values())
    if total > catalog.dynos_per_app:
        yield FormationViolation(
            rule="dynos-per-app",
            process_types=tuple(sorted(name for name, (_, quantity) in formation.items() if quantity > 0)),
            summary=f"the app has {total} dynos",
            expected=f"at most {catalog.dynos_per_app} dynos an app",
        )


def _dynos_per_type(catalog: Catalog, running: Running) -> Iterator[FormationViolation]:
    for process_type, (size, quantity) in running.items():
        if size.max_per_type is None or quantity <= size.max_per_type:
            continue
        plural = "dyno" if size.max_per_type == 1 else "dynos"
        # One dyno a type is how hobby tiers are made: whoever scales wants another size, not fewer dynos.
        roomier = _cheapest_mixing(catalog, quantity) if size.max_per_type == 1 else None
        yield FormationViolation(
            rule="dynos-per-type",
            process_types=(process_type,),
            summary=f"{process_type} has {quantity} dynos of size {size.name}",
            expected=f"at most {size.max_per_type} {plural} of size {size.name} a process type",
            suggestion=roomier or str(size.max_per_type),
        )


def _tiers_do_not_mix(catalog: Catalog, running: Running) -> Iterator[FormationViolation]:
    sizes = {size.name: size for size, _ in running.values()}
    tiers = sorted({size.tier for size in sizes.values()})
    loners = sorted({size.tier for size in sizes.values() if not size.mixes})
    if not loners or len(tiers) == 1:
        return
    dearest = max(sizes.values(), key=lambda size: (size.price_monthly_cents, size.name)).name
    mixing = any(size.mixes for size in sizes.values())
    yield FormationViolation(
        rule="tiers-do-not-mix",
        process_types=tuple(name for name, (size, _) in running.items() if not size.mixes),
        summary=f"the app mixes dynos of the tiers {', '.join(tiers)}",
        expected=f"{' and '.join(loners)} dynos beside no other tier",
        suggestion=(_cheapest_mixing(catalog, 1) if mixing else None) or dearest,
    )


def _cheapest_mixing(catalog: Catalog, quantity: int) -> str | None:
    """The cheapest size that any app can run `quantity` dynos of in one process type."""
    for name in catalog.size_names():
        size = catalog.sizes[name]
        if size.mixes and (size.max_per_type is None or quantity <= size.max_per_type):
            return name
    return None
