"""The catalog's vocabulary and its lookups. Pure: frozen values, no file, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

from declarative_paas.catalog.nearness import distance

ServiceKind: TypeAlias = Literal["postgres", "redis", "external"]
"""Who runs a service: a driver of ours, or somebody else (external: its credentials come from a secret)."""

Fact: TypeAlias = bool | int

HOURS_A_MONTH = 720
"""Heroku bills a month as 30 days of 24 hours."""

Key = TypeVar("Key")
Item = TypeVar("Item")


def hourly_cents(monthly_cents: int) -> float:
    """A monthly price as cents an hour, not rounded. For display: sums are made of monthly cents."""
    return monthly_cents / HOURS_A_MONTH


def frozen(items: Mapping[Key, Item]) -> Mapping[Key, Item]:
    """A read-only copy."""
    return MappingProxyType(dict(items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A place to run in. `jurisdiction` is the law its data is under: an ISO 3166 country, or EU."""

    name: str
    jurisdiction: str
    location: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Alias:
    """Another name that users may write, and why it exists."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoSize:
    """A dyno's quotas and price.

    `memory_mb` is where R14 is logged, `memory_kill_mb` where R15 kills. `cpu_share` counts in shares of
    one standard-1x; `dedicated` means that no other dyno competes for them. `pooled_hours`, if any, is what
    the price buys for all dynos of this size together. Limits: `max_per_type` dynos in one process type
    (None: no limit but the app's), and `mixes`: whether other tiers may run in the same app.
    """

    name: str
    tier: str
    memory_mb: int
    memory_kill_mb: int
    cpu_share: float
    dedicated: bool
    pids: int
    price_monthly_cents: int
    pooled_hours: int | None = None
    max_per_type: int | None = None
    mixes: bool = True
    aliases: tuple[Alias, ...] = ()

    @property
    def price_hourly_cents(self) -> float:
        return hourly_cents(self.price_monthly_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonPlan:
    """One plan of a service. `regions` None: offered everywhere. `facts`: see the table in `schema.py`."""

    service: str
    name: str
    price_monthly_cents: int
    regions: tuple[str, ...] | None = None
    facts: Mapping[str, Fact] = field(default_factory=lambda: frozen({}), hash=False)
    summary: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", frozen(self.facts))

    def __str__(self) -> str:
        return f"{self.service}:{self.name}"

    def offered_in(self, region: str) -> bool:
        return self.regions is None or region in self.regions

    def has(self, promise: str) -> bool:
        """Whether the plan makes a yes-or-no promise: production, persistent, backups, followers, …"""
        return self.facts.get(promise) is True

    @property
    def production(self) -> bool:
        """Fit for production, as Production Check asks; dev, basic and the like are not."""
        return self.has("production")

    @property
    def connection_limit(self) -> int | None:
        return self.facts.get("connection_limit")

    @property
    def price_hourly_cents(self) -> float:
        return hourly_cents(self.price_monthly_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An add-on service. Its attachment ALIAS fills the config var ALIAS_SUFFIX. Versions are majors, newest first."""

    name: str
    kind: ServiceKind
    default_alias: str
    config_suffix: str
    default_plan: str
    versions: tuple[str, ...] = ()
    default_version: str | None = None
    categories: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    plans: Mapping[str, AddonPlan] = field(default_factory=lambda: frozen({}), hash=False)
    summary: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plans", frozen(self.plans))

    def config_var(self, alias: str | None = None) -> str:
        """`DATABASE_URL` for postgres attached as DATABASE."""
        return f"{alias or self.default_alias}_{self.config_suffix}"


def _index(entries: Iterable[DynoSize | Service]) -> Mapping[str, str]:
    """Every name and alias, in lower case, to the entry's name. A name wins over an alias."""
    listed = list(entries)
    aliases = {alias.name.lower(): entry.name for entry in listed for alias in entry.aliases}
    return frozen(aliases | {entry.name.lower(): entry.name for entry in listed})


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All that a platform offers. Lookups by name return None for what it does not offer."""

    regions: Mapping[str, Region] = field(hash=False)
    sizes: Mapping[str, DynoSize] = field(hash=False)
    services: Mapping[str, Service] = field(hash=False)
    dynos_per_app: int
    _size_names: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _service_names: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("regions", "sizes", "services"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "_size_names", _index(self.sizes.values()))
        object.__setattr__(self, "_service_names", _index(self.services.values()))

    @property
    def digest(self) -> str:
        """SHA-256 of all content; the order of declaration does not matter. Computed at each call: keep it."""
        from declarative_paas.catalog.canonical import digest_of

        return digest_of(self)

    def region(self, name: str) -> Region | None:
        return self.regions.get(name)

    def size(self, name: str) -> DynoSize | None:
        """By name or alias, in any case, as Heroku does: `Standard-2X`, `2X`."""
        known = self._size_names.get(name.lower())
        return None if known is None else self.sizes[known]

    def size_alias_note(self, name: str) -> str | None:
        """Why `name` is only an alias of a size (`2013's 1X: …`); None for a size's own name or no size at all."""
        size = self.size(name)
        if size is None:
            return None
        return next((alias.note for alias in size.aliases if alias.name.lower() == name.lower()), None)

    def size_names(self) -> tuple[str, ...]:
        """The sizes' own names, cheapest first."""
        ordered = sorted(self.sizes.values(), key=lambda size: (size.price_monthly_cents, size.memory_mb, size.name))
        return tuple(size.name for size in ordered)

    def service(self, name: str) -> Service | None:
        """By name or alias (`heroku-postgresql`)."""
        known = self._service_names.get(name.lower())
        return None if known is None else self.services[known]

    def plan(self, name: str) -> AddonPlan | None:
        """By `service:plan`; a service alone means its default plan."""
        service_name, colon, plan_name = name.partition(":")
        service = self.service(service_name)
        return None if service is None else service.plans.get(plan_name if colon else service.default_plan)

    def plans(self) -> tuple[AddonPlan, ...]:
        """Every plan: by service, cheapest first."""
        every = (plan for service in self.services.values() for plan in service.plans.values())
        return tuple(sorted(every, key=lambda plan: (plan.service, plan.price_monthly_cents, plan.name)))

    def plans_in(self, region: str) -> tuple[AddonPlan, ...]:
        """Every plan offered in a region: by service, cheapest first."""
        return tuple(plan for plan in self.plans() if plan.offered_in(region))

    def nearest_plans(self, plan: AddonPlan, region: str, *, count: int = 3) -> tuple[AddonPlan, ...]:
        """What to take where `plan` is not offered, best first, at most `count`.

        Plans of the same service come first; an external service can be replaced by another of its
        categories, but a database only by itself. `plan` itself is never among them.
        """
        candidates = [
            (other.service != plan.service, *distance(plan, other), str(other), other)
            for other in self.plans_in(region)
            if str(other) != str(plan) and self._can_replace(plan.service, other.service)
        ]
        return tuple(entry[-1] for entry in sorted(candidates, key=lambda entry: entry[:-1])[:count])

    def _can_replace(self, service: str, other: str) -> bool:
        if service == other:
            return True
        ours, theirs = self.services.get(service), self.services.get(other)
        if ours is None or theirs is None or not ours.kind == theirs.kind == "external":
            return False
        return bool(set(ours.categories) & set(theirs.categories))
