"""A Platform's own catalog entries: what merges, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.catalog.load import extended, packaged
from declarative_paas.catalog.model import Catalog
from declarative_paas.catalog.reading import CatalogProblem

HUGE: dict[str, Any] = {
    "tier": "huge",
    "memory_mb": 1000,
    "memory_kill_mb": 2000,
    "cpu_share": 4,
    "pids": 64,
    "price_monthly": 12.34,
}
SEARCH: dict[str, Any] = {
    "kind": "external",
    "default_alias": "SEARCH",
    "config_suffix": "URL",
    "default_plan": "small",
    "plans": {"small": {"price_monthly": 9.95}},
}


def merge(extension: dict[str, Any]) -> Catalog:
    catalog, problems = extended(packaged(), extension)
    assert problems == []
    return catalog


def only_problem(extension: Any) -> CatalogProblem:
    _, problems = extended(packaged(), extension)
    assert len(problems) == 1, problems
    return problems[0]


def test_an_empty_extension_changes_nothing() -> None:
    assert merge({}) == packaged()


def test_a_new_size_stands_beside_the_known_ones_with_defaults_for_what_is_left_out() -> None:
    catalog = merge({"sizes": {"huge": {**HUGE, "aliases": {"XXL": "as we say"}}}})
    size = catalog.size("xxl")
    assert size is not None
    assert (size.name, size.price_monthly_cents, size.dedicated, size.max_per_type, size.mixes) == (
        "huge",
        1234,
        False,
        None,
        True,
    )
    assert set(catalog.sizes) == {*packaged().sizes, "huge"}


def test_overriding_one_field_keeps_all_others_and_all_other_entries() -> None:
    catalog = merge({"sizes": {"Standard-2X": {"price_monthly": 40}}})
    before, after = packaged().sizes["standard-2x"], catalog.sizes["standard-2x"]
    assert (after.price_monthly_cents, after.memory_mb, after.aliases) == (4000, before.memory_mb, before.aliases)
    assert {**catalog.sizes, "standard-2x": before} == packaged().sizes


def test_a_plan_is_overridden_within_its_service() -> None:
    catalog = merge({"services": {"postgres": {"plans": {"standard-0": {"connection_limit": 50, "regions": ["eu"]}}}}})
    after, before = catalog.plan("postgres:standard-0"), packaged().plan("postgres:standard-0")
    assert after is not None
    assert before is not None
    assert after.facts == {**before.facts, "connection_limit": 50}
    assert (after.regions, after.price_monthly_cents) == (("eu",), before.price_monthly_cents)
    assert catalog.plan("postgres:standard-2") == packaged().plan("postgres:standard-2")


def test_null_takes_a_limit_away() -> None:
    catalog = merge({"services": {"postgres": {"plans": {"sovereign-0": {"regions": None}}}}})
    assert "postgres:sovereign-0" in map(str, catalog.plans_in("us"))


def test_a_new_service_and_a_new_region_can_come_together() -> None:
    catalog = merge(
        {
            "regions": {"nordics": {"jurisdiction": "EU"}},
            "services": {"search": {**SEARCH, "plans": {"small": {"price_monthly": 9.95, "regions": ["nordics"]}}}},
        }
    )
    plan = catalog.plan("search")
    assert plan is not None
    assert (str(plan), plan.price_monthly_cents, plan.production) == ("search:small", 995, False)
    assert plan in catalog.plans_in("nordics")
    assert plan not in catalog.plans_in("us")


def test_a_region_that_only_the_platform_declares_may_be_named_by_a_plan() -> None:
    extension = {"services": {"search": {**SEARCH, "plans": {"small": {"price_monthly": 1, "regions": ["lab"]}}}}}
    assert extended(packaged(), extension, platform_regions=["lab"])[1] == []
    assert only_problem(extension).code == "unknown-region"


PLAN = ("services", "postgres", "plans", "standard-0")


def postgres_plan(**fields: Any) -> dict[str, Any]:
    return {"services": {"postgres": {"plans": {"standard-0": fields}}}}


@pytest.mark.parametrize(
    ("extension", "path", "code", "suggestion"),
    [
        ([], (), "wrong-type", None),
        ({"size": {}}, ("size",), "unknown-key", "sizes"),
        ({"sizes": None}, ("sizes",), "wrong-type", None),
        ({"sizes": {"eco": None}}, ("sizes", "eco"), "wrong-type", None),
        ({"sizes": {"eco": 5}}, ("sizes", "eco"), "wrong-type", None),
        ({"sizes": {1: HUGE}}, ("sizes",), "wrong-type", None),
        ({"sizes": {"so big": HUGE}}, ("sizes", "so big"), "bad-name", "so-big"),
        ({"sizes": {"eco": {"memory": 1}}}, ("sizes", "eco", "memory"), "unknown-key", "memory_mb"),
        ({"sizes": {"eco": {"memory_mb": "512"}}}, ("sizes", "eco", "memory_mb"), "wrong-value", None),
        ({"sizes": {"eco": {"memory_mb": True}}}, ("sizes", "eco", "memory_mb"), "wrong-value", None),
        ({"sizes": {"eco": {"memory_mb": 0}}}, ("sizes", "eco", "memory_mb"), "wrong-value", None),
        ({"sizes": {"eco": {"pids": 16**5000}}}, ("sizes", "eco", "pids"), "wrong-value", None),
        ({"sizes": {"eco": {"cpu_share": float("nan")}}}, ("sizes", "eco", "cpu_share"), "wrong-value", None),
        ({"sizes": {"eco": {"price_monthly": -1}}}, ("sizes", "eco", "price_monthly"), "wrong-value", None),
        ({"sizes": {"eco": {"price_monthly": 1.005}}}, ("sizes", "eco", "price_monthly"), "wrong-value", None),
        ({"sizes": {"eco": {"price_monthly": float("inf")}}}, ("sizes", "eco", "price_monthly"), "wrong-value", None),
        ({"sizes": {"ECO": {"memory_mb": 2048}}}, ("sizes", "ECO", "memory_kill_mb"), "wrong-value", "4096"),
        ({"sizes": {"eco": {"aliases": ["PX"]}}}, ("sizes", "eco", "aliases"), "name-clash", "performance-l"),
        ({"sizes": {"1X": HUGE}}, ("sizes", "1X"), "name-clash", "standard-1x"),
        ({"limits": {"dynos_per_app": "many"}}, ("limits", "dynos_per_app"), "wrong-value", None),
        ({"limits": {"dynos": 1}}, ("limits", "dynos"), "unknown-key", "dynos_per_app"),
        ({"regions": {"mars": {}}}, ("regions", "mars"), "missing-key", None),
        ({"regions": {"us": {"jurisdiction": None}}}, ("regions", "us", "jurisdiction"), "wrong-value", None),
        ({"services": {"redis": {"kind": "Redis"}}}, ("services", "redis", "kind"), "wrong-value", "redis"),
        (
            {"services": {"redis": {"default_alias": "my-cache"}}},
            ("services", "redis", "default_alias"),
            "wrong-value",
            "MY_CACHE",
        ),
        ({"services": {"redis": {"versions": [9]}}}, ("services", "redis", "versions"), "wrong-value", None),
        (
            {"services": {"redis": {"default_version": "6"}}},
            ("services", "redis", "default_version"),
            "unknown-version",
            None,
        ),
        (
            {"services": {"redis": {"default_plan": "premium-00"}}},
            ("services", "redis", "default_plan"),
            "unknown-plan",
            "premium-0",
        ),
        (
            {"services": {"search": {**SEARCH, "plans": {}}}},
            ("services", "search", "default_plan"),
            "unknown-plan",
            None,
        ),
        (
            {"services": {"search": {**SEARCH, "aliases": ["heroku-redis"]}}},
            ("services", "search", "aliases"),
            "name-clash",
            "redis",
        ),
        (postgres_plan(regions=["us", "frankfort"]), (*PLAN, "regions"), "unknown-region", "frankfurt"),
        (postgres_plan(regions=[]), (*PLAN, "regions"), "wrong-value", None),
        (postgres_plan(regions="us"), (*PLAN, "regions"), "wrong-value", None),
        (postgres_plan(production="yes"), (*PLAN, "production"), "wrong-value", None),
        (postgres_plan(conection_limit=5), (*PLAN, "conection_limit"), "unknown-key", "connection_limit"),
    ],
)
def test_a_mistake_is_told_once_with_its_path_and_the_nearest_choice(
    extension: Any, path: tuple[str, ...], code: str, suggestion: str | None
) -> None:
    problem = only_problem(extension)
    assert (problem.path, problem.code, problem.suggestion) == (path, code, suggestion)
    assert problem.expected
    assert len(problem.summary) < 200


def test_all_mistakes_are_told_at_once() -> None:
    _, problems = extended(packaged(), {"sizes": {"huge": {"tier": 1}, "eco": {"pid": 1}}, "regions": {"mars": {}}})
    assert {problem.path for problem in problems} == {
        ("sizes", "huge"),
        ("sizes", "huge", "tier"),
        ("sizes", "eco", "pid"),
        ("regions", "mars"),
    }
    missing = {problem.expected for problem in problems if problem.path == ("sizes", "huge")}
    assert missing == {f"{key}: …" for key in ("memory_mb", "memory_kill_mb", "cpu_share", "pids", "price_monthly")}


def test_a_wrong_value_leaves_the_entry_known_so_that_no_second_mistake_follows_from_it() -> None:
    catalog, problems = extended(packaged(), {"sizes": {"huge": {**HUGE, "mixes": "no"}, "eco": {"pids": "x"}}})
    assert [problem.path for problem in problems] == [("sizes", "huge", "mixes"), ("sizes", "eco", "pids")]
    assert "huge" in catalog.sizes
    assert catalog.sizes["eco"] == packaged().sizes["eco"]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["eco", "us"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["limits", "regions", "sizes", "services", "eco", "postgres", "plans", "dev", "aliases", "pids", "kind"]
            )
            | st.integers(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JUNK)
def test_no_input_raises_and_the_answer_is_always_a_catalog_with_a_digest(junk: Any) -> None:
    catalog, problems = extended(packaged(), junk)
    assert len(catalog.digest) == 64
    assert all(problem.summary and problem.code for problem in problems)
    assert packaged().sizes.keys() <= catalog.sizes.keys()


@given(st.integers(0, 10**9))
def test_every_price_in_cents_survives_its_way_through_dollars(cents: int) -> None:
    assert merge({"sizes": {"huge": {**HUGE, "price_monthly": cents / 100}}}).sizes["huge"].price_monthly_cents == cents


def test_extending_twice_is_extending_once() -> None:
    extension = {"sizes": {"huge": HUGE}, "services": {"search": SEARCH}}
    once = merge(extension)
    assert extended(once, extension) == (once, [])
