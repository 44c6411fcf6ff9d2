"""What becomes reachable from outside, or sends data there, is a risk that a reviewer must see; what is new is not."""

from __future__ import annotations

from typing import Any

import pytest
from plan_case import plan_of, recorded, want

from declarative_paas.core.plan import Action, RiskKind
from declarative_paas.core.resource import Resource

WEB = {"processes": {"web": {"size": "basic", "quantity": 1}}}
NO_WEB = {"processes": {"web": {"size": "basic", "quantity": 0}}}
CREDENTIALS = {"service": "papertrail", "plan": "choklad", "credentials": "shop/papertrail"}


def exposed(after: list[Resource], before: list[Resource]) -> dict[str, str]:
    """What is told, by the address it is told of."""
    return {
        str(change.address): risk.detail
        for change in plan_of(after, [recorded(item) for item in before]).changes
        for risk in change.risks
        if risk.kind is RiskKind.EXPOSURE
    }


def app(**attributes: Any) -> Resource:
    return want("app.shop", {"name": "shop", **attributes})


def domain(host: str) -> Resource:
    return want(f"domain.shop/{host}", {"hostname": host}, after=["app.shop"])


def test_the_first_domains_of_an_app_that_is_there_are_told() -> None:
    told = exposed([app(), domain("a.example"), domain("b.example")], [app()])
    assert set(told) == {"domain.shop/a.example", "domain.shop/b.example"}
    assert set(told.values()) == {"shop has had no domain, and is public under one from now on"}


def test_one_domain_more_is_no_news_and_neither_is_a_new_app_with_its_domains() -> None:
    assert exposed([app(), domain("a.example"), domain("b.example")], [app(), domain("a.example")]) == {}
    assert exposed([app(), domain("a.example")], []) == {}


def test_the_end_of_maintenance_is_told_and_its_beginning_is_not() -> None:
    assert exposed([app(maintenance=False)], [app(maintenance=True)]) == {
        "app.shop": "maintenance mode ends: requests reach shop again"
    }
    assert exposed([app(maintenance=True)], [app(maintenance=False)]) == {}


@pytest.mark.parametrize("before", [NO_WEB, {"processes": {}}])
def test_the_first_web_dynos_of_a_formation_that_is_there_are_told(before: dict[str, Any]) -> None:
    told = exposed([app(), want("formation.shop", WEB)], [app(), want("formation.shop", before)])
    assert told == {"formation.shop": "web dynos start: requests reach shop"}
    assert exposed([app(), want("formation.shop", WEB)], [app()]) == {}


def test_a_service_that_others_run_is_told_also_of_a_new_app() -> None:
    addon = want("addon.shop/LOGS", CREDENTIALS)
    assert exposed([app(), addon], []) == {"addon.shop/LOGS": "what shop sends to papertrail leaves the platform"}
    assert exposed([app(), addon], [app(), addon]) == {}


def test_another_plan_of_a_service_that_others_run_is_no_news_and_another_service_is() -> None:
    before = [app(), want("addon.shop/LOGS", CREDENTIALS)]
    assert exposed([app(), want("addon.shop/LOGS", {**CREDENTIALS, "plan": "ludvig"})], before) == {}
    other = want("addon.shop/LOGS", {**CREDENTIALS, "service": "logdna"})
    assert plan_of([app(), other], [recorded(item) for item in before]).changes[0].action is Action.REPLACE
    assert set(exposed([app(), other], before)) == {"addon.shop/LOGS"}
