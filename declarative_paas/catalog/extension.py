"""Merging what a user's Platform adds under `spec.catalog`: new entries, and changes of known ones by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

from declarative_paas.catalog.consistency import inconsistencies
from declarative_paas.catalog.model import AddonPlan, Catalog, DynoSize, Region, Service
from declarative_paas.catalog.reading import CatalogProblem, Path, check_keys, read_fields, read_mapping
from declarative_paas.catalog.schema import FACTS, LIMITS, PLAN, REGION, SERVICE, SIZE, Field

Item = TypeVar("Item")
Problems: TypeAlias = list[CatalogProblem]
Build: TypeAlias = Callable[[str, Mapping[str, object], Item | None, Path, Problems], Item | None]

SECTIONS = ("limits", "regions", "sizes", "services")
NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
NOTHING = Catalog(regions={}, sizes={}, services={}, dynos_per_app=100)


def extended(
    catalog: Catalog, extension: Mapping[str, object], *, platform_regions: Iterable[str] = ()
) -> tuple[Catalog, list[CatalogProblem]]:
    """Pure: the catalog with the extension merged in, and all mistakes at once.

    A known entry keeps every field that the extension leaves out; a new one must have all required fields.
    `platform_regions` are names that plans may be offered in without being in the catalog. With problems,
    the catalog holds what could be read: good for finding further mistakes, not for planning.
    """
    problems: Problems = []
    written = read_mapping(extension, (), problems) or {}
    check_keys(written, SECTIONS, (), problems)
    limits = _limits(catalog, written, problems)
    merged = Catalog(
        regions=_merged(catalog.regions, written.get("regions", {}), ("regions",), _region, problems),
        sizes=_merged(catalog.sizes, written.get("sizes", {}), ("sizes",), _size, problems),
        services=_merged(catalog.services, written.get("services", {}), ("services",), _service, problems),
        dynos_per_app=limits,
    )
    problems.extend(inconsistencies(merged, written, {*merged.regions, *platform_regions}))
    return merged, problems


def _limits(catalog: Catalog, written: Mapping[str, object], problems: Problems) -> int:
    entry = read_mapping(written.get("limits", {}), ("limits",), problems) or {}
    existing = {"dynos_per_app": catalog.dynos_per_app}
    values = read_fields(LIMITS, entry, existing, ("limits",), problems) or existing
    return int(values["dynos_per_app"])


def _merged(
    base: Mapping[str, Item], raw: object, path: Path, build: Build[Item], problems: Problems
) -> dict[str, Item]:
    """Base entries in their order, then new ones."""
    result = dict(base)
    for written_name, entry in (read_mapping(raw, path, problems) or {}).items():
        # Dyno sizes are known in any case (Standard-2X); everything else is written in lower case.
        name = written_name.lower() if path == ("sizes",) else written_name
        here = (*path, written_name)
        if not NAME.fullmatch(name):
            problems.append(_bad_name(written_name, here))
        elif (fields := read_mapping(entry, here, problems)) is not None:
            built = build(name, fields, result.get(name), here, problems)
            if built is not None:
                result[name] = built
    return result


def _bad_name(name: str, path: Path) -> CatalogProblem:
    repaired = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return CatalogProblem(
        path=path,
        code="bad-name",
        summary=f"{name!r} cannot be a name",
        expected="lower-case letters and digits, joined by - _ or .",
        suggestion=repaired or None,
    )


def _existing(fields: Iterable[Field], entry: object | None) -> dict[str, object]:
    return {} if entry is None else {field.fills: getattr(entry, field.fills) for field in fields}


def _region(
    name: str, entry: Mapping[str, object], known: Region | None, path: Path, problems: Problems
) -> Region | None:
    values = read_fields(REGION, entry, _existing(REGION, known), path, problems)
    return None if values is None else Region(name=name, **values)


def _size(
    name: str, entry: Mapping[str, object], known: DynoSize | None, path: Path, problems: Problems
) -> DynoSize | None:
    values = read_fields(SIZE, entry, _existing(SIZE, known), path, problems)
    return None if values is None else DynoSize(name=name, **values)


def _service(
    name: str, entry: Mapping[str, object], known: Service | None, path: Path, problems: Problems
) -> Service | None:
    own = {key: value for key, value in entry.items() if key != "plans"}
    values = read_fields(SERVICE, own, _existing(SERVICE, known), path, problems)

    def plan(
        plan_name: str, written: Mapping[str, object], before: AddonPlan | None, at: Path, found: Problems
    ) -> AddonPlan | None:
        return _plan(name, plan_name, written, before, at, found)

    before: Mapping[str, AddonPlan] = {} if known is None else known.plans
    plans = _merged(before, entry.get("plans", {}), (*path, "plans"), plan, problems)
    return None if values is None else Service(name=name, plans=plans, **values)


def _plan(
    service: str, name: str, entry: Mapping[str, object], known: AddonPlan | None, path: Path, problems: Problems
) -> AddonPlan | None:
    existing = {} if known is None else {**_existing(PLAN, known), **known.facts}
    values = read_fields((*PLAN, *FACTS), entry, existing, path, problems)
    if values is None:
        return None
    facts = {field.key: values.pop(field.key) for field in FACTS if field.key in values}
    return AddonPlan(service=service, name=name, facts=facts, **values)
