"""A catalog as plain data, in the very shape that an extension has, and the digest of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from declarative_paas.catalog.model import AddonPlan, Alias, Catalog
from declarative_paas.catalog.schema import FACTS, PLAN, REGION, SERVICE, SIZE, Field


def as_data(catalog: Catalog) -> dict[str, Any]:
    """Plain JSON values. Extending an empty catalog with it gives the catalog back."""
    return {
        "limits": {"dynos_per_app": catalog.dynos_per_app},
        "regions": {name: _written(REGION, region) for name, region in catalog.regions.items()},
        "sizes": {name: _written(SIZE, size) for name, size in catalog.sizes.items()},
        "services": {
            name: _written(SERVICE, service)
            | {"plans": {plan.name: _written_plan(plan) for plan in service.plans.values()}}
            for name, service in catalog.services.items()
        },
    }


def digest_of(catalog: Catalog) -> str:
    """SHA-256 in hex; equal for catalogs that offer the same, in whatever order they were declared."""
    import hashlib
    import json

    encoded = json.dumps(as_data(catalog), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(encoded.encode()).hexdigest()


def _written_plan(plan: AddonPlan) -> dict[str, Any]:
    facts = {field.key: plan.facts[field.key] for field in FACTS if field.key in plan.facts}
    return _written(PLAN, plan) | facts


def _written(fields: Sequence[Field], entry: object) -> dict[str, Any]:
    """The fields that say something; an empty text or list is how nothing is said."""
    values = {field.key: _plain(field.key, getattr(entry, field.fills)) for field in fields}
    return {key: value for key, value in values.items() if value not in ("", [], {})}


def _plain(key: str, value: Any) -> Any:
    match key, value:
        case "price_monthly", int(cents):
            return cents // 100 if cents % 100 == 0 else cents / 100
        case "aliases", [*names]:
            return {alias.name: alias.note for alias in names if isinstance(alias, Alias)}
        case "regions" | "categories", [*names]:
            return sorted(names)
        case _, [*items]:
            return list(items)
        case _:
            return value
