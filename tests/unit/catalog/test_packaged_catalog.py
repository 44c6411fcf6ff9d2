"""The packaged catalog says what Heroku's documents say."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from declarative_paas.catalog.load import packaged
from declarative_paas.catalog.model import AddonPlan, hourly_cents

# Dev Center, dyno types 2024: name, tier, MB, R15 MB, share, dedicated, pids, dollars.
SIZES = [
    ("eco", "eco", 512, 1024, 1, False, 256, 5),
    ("basic", "basic", 512, 1024, 1, False, 256, 7),
    ("standard-1x", "standard", 512, 1024, 1, False, 256, 25),
    ("standard-2x", "standard", 1024, 2048, 2, False, 512, 50),
    ("performance-m", "performance", 2560, 5 * 1024, 12, True, 16384, 250),
    ("performance-l", "performance", 14 * 1024, 28 * 1024, 50, True, 32768, 500),
    ("performance-l-ram", "performance", 30 * 1024, 36 * 1024, 24, True, 24576, 500),
    ("performance-xl", "performance", 62 * 1024, 74 * 1024, 50, True, 32768, 750),
    ("performance-2xl", "performance", 126 * 1024, 151 * 1024, 100, True, 65536, 1500),
]
LIMITS = {"eco": (1, False), "basic": (1, False), "standard": (None, True), "performance": (10, True)}
JURISDICTIONS = {
    "us": "US",
    "eu": "EU",
    "dublin": "EU",
    "frankfurt": "EU",
    "london": "GB",
    "montreal": "CA",
    "mumbai": "IN",
    "oregon": "US",
    "singapore": "SG",
    "sydney": "AU",
    "tokyo": "JP",
    "virginia": "US",
}


@pytest.mark.parametrize(("name", "tier", "memory", "kill", "share", "dedicated", "pids", "dollars"), SIZES)
def test_a_size_has_its_documented_quotas_price_and_limits(
    name: str, tier: str, memory: int, kill: int, share: float, dedicated: bool, pids: int, dollars: int
) -> None:
    size = packaged().size(name)
    assert size is not None
    assert (size.name, size.tier, size.memory_mb, size.memory_kill_mb) == (name, tier, memory, kill)
    assert (size.cpu_share, size.dedicated, size.pids) == (share, dedicated, pids)
    assert size.price_monthly_cents == dollars * 100
    assert (size.max_per_type, size.mixes) == LIMITS[tier]


def test_no_size_is_offered_beyond_the_documented_ones_and_names_come_cheapest_first() -> None:
    assert packaged().size_names() == tuple(row[0] for row in SIZES)


def test_eco_buys_a_pool_of_hours_and_no_other_size_does() -> None:
    assert {size.name: size.pooled_hours for size in packaged().sizes.values() if size.pooled_hours} == {"eco": 1000}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("1X", "standard-1x"),
        ("1x", "standard-1x"),
        ("2X", "standard-2x"),
        ("PX", "performance-l"),
        ("px", "performance-l"),
        ("hobby", "basic"),
        ("Standard-1X", "standard-1x"),
        ("PERFORMANCE-2XL", "performance-2xl"),
        ("Performance", "performance-l"),
    ],
)
def test_a_size_is_found_by_alias_and_in_any_case(written: str, name: str) -> None:
    size = packaged().size(written)
    assert size is not None
    assert size.name == name


@pytest.mark.parametrize("written", ["", "3x", "standard", "standard-1x ", "free"])
def test_an_unknown_size_is_none(written: str) -> None:
    assert packaged().size(written) is None


def test_an_alias_tells_why_it_is_one_and_a_proper_name_does_not() -> None:
    notes = {name: packaged().size_alias_note(name) for name in ("1x", "2X", "PX", "standard-1x", "nothing")}
    assert "36" in (notes["1x"] or "")
    assert "72" in (notes["2X"] or "")
    assert "576" in (notes["PX"] or "")
    assert notes["standard-1x"] is None
    assert notes["nothing"] is None


def test_every_region_has_its_jurisdiction_and_only_us_and_eu_are_common() -> None:
    regions = packaged().regions
    assert {name: region.jurisdiction for name, region in regions.items()} == JURISDICTIONS
    assert [name for name, region in regions.items() if not region.private] == ["us", "eu"]
    assert all(region.location for region in regions.values())


def test_an_hour_is_a_720th_of_a_month() -> None:
    size = packaged().size("standard-1x")
    assert size is not None
    assert size.price_hourly_cents == pytest.approx(2500 / 720)
    assert hourly_cents(720) == 1


@pytest.mark.parametrize(
    ("plan", "connections"),
    [
        ("postgres:dev", 20),
        ("postgres:essential-0", 20),
        ("postgres:essential-2", 40),
        ("postgres:standard-0", 120),
        ("postgres:standard-2", 400),
        ("postgres:premium-3", 500),
        ("redis:mini", 20),
        ("redis:premium-0", 40),
        ("redis:premium-12", 65000),
    ],
)
def test_a_data_plan_has_its_documented_connection_limit(plan: str, connections: int) -> None:
    assert _plan(plan).connection_limit == connections


def test_production_check_can_tell_hobby_databases_from_production_ones() -> None:
    postgres = packaged().services["postgres"]
    hobby = {plan.name for plan in postgres.plans.values() if not plan.production}
    assert hobby == {"dev", "mini", "basic", "essential-0", "essential-1", "essential-2"}
    for plan in postgres.plans.values():
        assert plan.has("followers") is plan.production
        assert plan.has("persistent")


def test_redis_mini_forgets_and_every_paid_tier_above_it_does_not() -> None:
    assert not _plan("redis:mini").has("persistent")
    assert all(plan.has("persistent") for plan in packaged().services["redis"].plans.values() if plan.name != "mini")


def test_a_bigger_plan_of_a_family_never_costs_or_holds_less() -> None:
    for service in ("postgres", "redis"):
        for family in ("essential", "standard", "premium", "private"):
            plans = [plan for name, plan in packaged().services[service].plans.items() if name.startswith(f"{family}-")]
            for smaller, bigger in pairwise(plans):
                assert bigger.price_monthly_cents > smaller.price_monthly_cents, str(bigger)
                for fact in ("memory_mb", "storage_gb", "connection_limit"):
                    assert bigger.facts.get(fact, 0) >= smaller.facts.get(fact, 0), str(bigger)


@pytest.mark.parametrize("kind", ["postgres", "redis", "external"])
@pytest.mark.parametrize(("region", "other"), [("us", "eu"), ("eu", "us")])
def test_every_kind_has_a_plan_that_only_one_region_offers(kind: str, region: str, other: str) -> None:
    here, there = set(map(str, packaged().plans_in(region))), set(map(str, packaged().plans_in(other)))
    kinds = {packaged().services[name.partition(":")[0]].kind for name in here - there}
    assert kind in kinds


@pytest.mark.parametrize("category", ["apm", "logging", "mail", "monitoring"])
@pytest.mark.parametrize("region", ["us", "eu"])
def test_every_category_of_external_service_has_a_production_plan_in_each_common_region(
    category: str, region: str
) -> None:
    offered = [plan for plan in packaged().plans_in(region) if category in packaged().services[plan.service].categories]
    assert any(plan.production and packaged().services[plan.service].kind == "external" for plan in offered)


def test_a_plan_is_found_by_service_alias_and_a_bare_service_means_its_default_plan() -> None:
    assert str(_plan("heroku-postgresql:standard-0")) == "postgres:standard-0"
    assert str(_plan("postgres")) == "postgres:essential-0"
    assert str(_plan("heroku-redis")) == "redis:mini"


@pytest.mark.parametrize(
    "written", ["", ":", "postgres:", "postgres:huge", "mysql:standard-0", "mysql", "postgres:a:b"]
)
def test_an_unknown_plan_is_none(written: str) -> None:
    assert packaged().plan(written) is None


def test_an_attachment_fills_a_config_var_of_its_alias() -> None:
    services = packaged().services
    assert services["postgres"].config_var() == "DATABASE_URL"
    assert services["redis"].config_var("CART") == "CART_URL"
    assert services["newrelic"].config_var() == "NEW_RELIC_LICENSE_KEY"
    aliases = [service.default_alias for service in services.values()]
    assert len(set(aliases)) == len(aliases)


def test_reading_the_catalog_imports_nothing_heavy() -> None:
    script = (
        "import sys; from declarative_paas.catalog.load import packaged; packaged();"
        "print(sorted({'pydantic', 'networkx', 'tempfile', 'hashlib', 'json', 'decimal', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"


def _plan(name: str) -> AddonPlan:
    plan = packaged().plan(name)
    assert plan is not None, name
    return plan
