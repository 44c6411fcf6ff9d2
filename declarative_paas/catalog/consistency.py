"""What no single field can tell: rules that hold between the fields and entries of a merged catalog."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

from declarative_paas.catalog.model import Catalog, DynoSize, Service
from declarative_paas.catalog.reading import CatalogProblem, Path
from declarative_paas.core.diagnostic import nearest


def inconsistencies(
    catalog: Catalog, extension: Mapping[str, object], regions: Collection[str]
) -> Iterator[CatalogProblem]:
    """Every broken rule. The blame goes to what the extension wrote, not to what was there before."""
    sizes = _spellings(extension.get("sizes"))
    yield from _kill_below_quota(catalog.sizes.values(), sizes)
    yield from _claimed_twice("sizes", catalog.sizes.values(), sizes)
    yield from _claimed_twice("services", catalog.services.values(), _spellings(extension.get("services")))
    for service in catalog.services.values():
        yield from _wrong_defaults(service)
        yield from _unknown_regions(service, regions)


def _spellings(section: object) -> Mapping[str, str]:
    """The extension's entries by their name, as the user spelled them: paths must lead to the user's key."""
    if not isinstance(section, Mapping):
        return {}
    return {name.lower(): name for name in cast("Mapping[object, object]", section) if isinstance(name, str)}


def _kill_below_quota(sizes: Iterable[DynoSize], spellings: Mapping[str, str]) -> Iterator[CatalogProblem]:
    for size in sizes:
        if size.memory_kill_mb < size.memory_mb:
            yield CatalogProblem(
                path=("sizes", spellings.get(size.name, size.name), "memory_kill_mb"),
                code="wrong-value",
                summary=f"{size.name} would be killed at {size.memory_kill_mb} MB, below its {size.memory_mb} MB",
                expected=f"at least {size.memory_mb}",
                suggestion=str(size.memory_mb * 2),
            )


def _claimed_twice(
    section: str, entries: Iterable[DynoSize | Service], spellings: Mapping[str, str]
) -> Iterator[CatalogProblem]:
    """Names and aliases share one space. What the user did not touch claims first."""
    owners: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.name in spellings):
        here: Path = (section, spellings.get(entry.name, entry.name))
        claims: list[tuple[str, Path]] = [(entry.name, here)]
        claims += [(alias.name, (*here, "aliases")) for alias in entry.aliases]
        for name, path in claims:
            owner = owners.setdefault(name.lower(), entry.name)
            if owner != entry.name:
                yield CatalogProblem(
                    path=path,
                    code="name-clash",
                    summary=f"{name} already stands for {owner}",
                    expected="a name of its own",
                    suggestion=owner,
                )


def _wrong_defaults(service: Service) -> Iterator[CatalogProblem]:
    path = ("services", service.name)
    if service.default_plan not in service.plans:
        yield CatalogProblem(
            path=(*path, "default_plan"),
            code="unknown-plan",
            summary=f"{service.name} has no plan {service.default_plan}",
            expected=f"one of {', '.join(service.plans)}" if service.plans else "a plan under plans",
            suggestion=nearest(service.default_plan, service.plans),
        )
    if service.default_version is not None and service.default_version not in service.versions:
        yield CatalogProblem(
            path=(*path, "default_version"),
            code="unknown-version",
            summary=f"{service.name} has no version {service.default_version}",
            expected=f"one of {', '.join(service.versions)}" if service.versions else "a version under versions",
            suggestion=nearest(service.default_version, service.versions),
        )


def _unknown_regions(service: Service, regions: Collection[str]) -> Iterator[CatalogProblem]:
    for plan in service.plans.values():
        path = ("services", service.name, "plans", plan.name, "regions")
        if plan.regions == ():
            yield CatalogProblem(
                path=path,
                code="wrong-value",
                summary=f"{plan} is offered nowhere",
                expected="at least one region, or null for all",
            )
        for region in plan.regions or ():
            if region not in regions:
                yield CatalogProblem(
                    path=path,
                    code="unknown-region",
                    summary=f"{plan} is offered in {region}, which is no region",
                    expected=f"one of {', '.join(sorted(regions))}",
                    suggestion=nearest(region, regions),
                )
