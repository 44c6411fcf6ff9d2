"""`protect`: what it guards, and the one way to lift it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_case import at, healthy, plan_and_diagnostics, recorded, want

from declarative_paas.core.provider import Present


def app(**attributes):
    return want("app.shop", {"name": "shop", **attributes})


def addon(**attributes):
    return want("addon.shop/DB", {"service": "postgres", "plan": "mini", **attributes}, after=["app.shop"])


def refused(desired, records, readings=None, **options):
    _, diagnostics = plan_and_diagnostics(desired, records, readings, **options)
    return [item.address for item in diagnostics if item.code == "unconfirmed-data-loss"]


OTHER = want("app.blog", {"name": "blog"})


def test_a_protected_app_is_not_destroyed_when_its_block_is_gone():
    assert refused([OTHER], [recorded(app(protect=True))]) == ["app.shop"]
    assert refused([OTHER], [recorded(app(protect=True))], confirmed=[at("app.shop")]) == []
    assert refused([OTHER], [recorded(app())]) == []


def test_neither_is_it_replaced():
    moved = replace(app(protect=True), region="eu")
    assert refused([moved], [recorded(app(protect=True))]) == ["app.shop"]


def test_lifting_it_in_the_same_apply_is_too_late():
    moved = replace(app(protect=False), region="eu")
    assert refused([moved], [recorded(app(protect=True))]) == ["app.shop"]
    upgraded = addon(protect=False, version="18")
    assert refused([app(), upgraded], [recorded(app()), recorded(addon(protect=True))]) == ["addon.shop/DB"]


def test_once_recorded_protect_false_lets_it_go():
    plan, _ = plan_and_diagnostics([app(protect=False)], [recorded(app(protect=True))])
    assert [item.path for item in plan.changes[0].fields] == ["protect"]
    assert refused([OTHER], [recorded(app(protect=False))]) == []
    assert refused([app()], [recorded(app()), recorded(addon(protect=False))]) == []


@pytest.mark.parametrize("maintenance", [None, True])
def test_a_line_that_went_lost_lifts_nothing(maintenance):
    """Not even when the app changes for another reason: the new record protects it too."""
    wanted = app() if maintenance is None else app(maintenance=maintenance)
    plan, _ = plan_and_diagnostics([wanted], [recorded(app(protect=True))])
    assert [change.after["protect"] for change in plan.changes] == [True] * (maintenance is not None)
    assert not plan.refreshed


def test_data_is_protected_again_when_the_line_that_lifted_it_is_gone():
    record = recorded(addon(protect=False))
    plan, _ = plan_and_diagnostics([app(), addon()], [recorded(app()), record])
    assert plan.is_empty
    assert ["protect" in fresh.attributes for fresh in plan.refreshed] == [False]
    assert refused([app()], [recorded(app()), plan.refreshed[0]]) == ["addon.shop/DB"]
    again, _ = plan_and_diagnostics([app(), addon()], [recorded(app()), plan.refreshed[0]], healthy(record))
    assert not again.refreshed


def test_a_change_made_outside_lifts_nothing():
    record = recorded(app(protect=True))
    there = Present(remote_id="x", attributes={"name": "shop", "protect": False})
    assert refused([OTHER], [record], {record.key: there}) == ["app.shop"]
