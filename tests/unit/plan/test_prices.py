"""What each app costs before and after a plan is part of the plan, and adds up to what everything costs."""

from __future__ import annotations

from plan_case import plan_of, recorded, want

from declarative_paas.core.plan import plan_from_json, plan_to_json
from declarative_paas.core.price import AppPrice

BEFORE = [
    want("addon.shop/DB", {"plan": "mini"}, price=5_000),
    want("addon.shop/REDIS", {"plan": "mini"}, price=1_500),
    want("formation.api", {"x": 1}, price=700),
    want("formation.old", {"x": 1}, price=900),
    want("formation.same", {"x": 1}, price=400),
]
AFTER = [
    want("addon.shop/DB", {"plan": "big"}, price=20_000),
    want("addon.shop/REDIS", {"plan": "mini"}, price=1_800),  # dearer, though nothing of it changes
    want("addon.shop/LOGS", {"plan": "some"}, price=None),
    want("formation.api", {"x": 2}, price=None),
    want("formation.same", {"x": 1}, price=400),
]


def test_an_app_s_price_counts_what_stays_and_what_changes_and_what_has_none() -> None:
    plan = plan_of(AFTER, [recorded(item) for item in BEFORE])
    assert plan.app_prices == {
        "api": AppPrice(before_cents=700, after_cents=0, unpriced=1),
        "old": AppPrice(before_cents=900, after_cents=0, unpriced=0),
        "shop": AppPrice(before_cents=6_500, after_cents=21_800, unpriced=1),
    }
    assert (plan.price_before_cents, plan.price_after_cents, plan.unpriced) == (8_500, 22_200, 2)


def test_a_saved_plan_tells_its_apps_prices_and_an_older_one_reads_without() -> None:
    plan = plan_of(AFTER, [recorded(item) for item in BEFORE])
    saved = plan_to_json(plan)
    assert plan_from_json(saved).app_prices == plan.app_prices
    older = plan_of([want("app.shop")], [recorded(want("app.shop"))])
    assert "app_prices" not in plan_to_json(older)
    assert plan_from_json(plan_to_json(older)).app_prices == {}
