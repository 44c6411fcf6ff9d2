"""What is suggested where a plan is not offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.catalog.load import packaged
from declarative_paas.catalog.model import AddonPlan


def nearest(plan: str, region: str, count: int = 3) -> list[str]:
    wanted = packaged().plan(plan)
    assert wanted is not None
    return [str(found) for found in packaged().nearest_plans(wanted, region, count=count)]


@pytest.mark.parametrize(
    ("plan", "region", "first"),
    [
        ("postgres:sovereign-0", "us", "postgres:standard-0"),
        ("postgres:premium-9", "eu", "postgres:premium-8"),
        ("redis:premium-14", "eu", "redis:premium-12"),
        ("redis:sovereign-0", "us", "redis:premium-0"),
        ("postgres:private-2", "eu", "postgres:premium-2"),
        ("newrelic:pro-us", "eu", "newrelic:pro"),
    ],
)
def test_the_first_suggestion_is_the_plan_one_would_pick(plan: str, region: str, first: str) -> None:
    assert nearest(plan, region)[0] == first


def test_another_service_of_the_same_category_stands_in_for_an_external_one_that_is_not_there() -> None:
    assert nearest("papertrail:volmar", "eu")[0] == "logtail:team"
    assert nearest("appsignal:pro", "us")[0] == "newrelic:pro-us"


def test_plans_of_the_same_service_come_before_those_of_another() -> None:
    services = [name.partition(":")[0] for name in nearest("newrelic:pro-us", "eu", count=20)]
    assert services[:3] == ["newrelic"] * 3
    assert "newrelic" not in services[3:]


def test_a_production_plan_is_not_replaced_by_a_hobby_plan_while_another_is_left() -> None:
    found = nearest("postgres:sovereign-0", "us", count=50)
    production = [packaged().plan(name).production for name in found]  # type: ignore[union-attr]
    assert production == sorted(production, reverse=True)


def test_no_more_than_asked_for_are_suggested() -> None:
    assert len(nearest("postgres:premium-9", "eu", count=2)) == 2
    assert nearest("postgres:premium-9", "eu", count=0) == []


@given(plan=st.sampled_from(packaged().plans()), region=st.sampled_from(sorted(packaged().regions)))
def test_suggestions_are_offered_there_replaceable_and_never_the_plan_itself(plan: AddonPlan, region: str) -> None:
    catalog = packaged()
    service = catalog.services[plan.service]
    for found in catalog.nearest_plans(plan, region, count=10):
        assert found.offered_in(region)
        assert str(found) != str(plan)
        other = catalog.services[found.service]
        assert other == service or (
            service.kind == other.kind == "external" and set(service.categories) & set(other.categories)
        )
