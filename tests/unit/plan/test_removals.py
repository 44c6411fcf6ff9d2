"""`removed`: the recorded consent to destroy, or the end of a record."""

from __future__ import annotations

from plan_case import actions, app_with_parts, applied, at, healthy, plan_and_diagnostics, plan_of, want

from declarative_paas.core.lifecycle import Removal
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Absent

APP = want("app.shop", {"name": "shop"})
ADDON = want("addon.shop/DB", {"service": "postgres", "version": "17"}, after=["app.shop"])
CONSENT = Removal(address=at("addon.shop/DB"), destroy=True, reason="the shop has moved")
KEEP = Removal(address=at("addon.shop/DB"), destroy=False, reason="the shop has moved")


def test_a_declared_removal_is_the_consent_that_destroying_data_takes():
    plan, diagnostics = plan_and_diagnostics([APP], applied([APP, ADDON]), removals=[CONSENT])
    assert diagnostics == []
    assert actions(plan) == {"addon.shop/DB": "delete"}
    assert plan.changes[0].causes == ("declared as removed: the shop has moved",)
    assert plan.confirmed == (at("addon.shop/DB"),)


def test_it_is_no_consent_to_make_the_data_anew():
    upgraded = want("addon.shop/DB", {"service": "postgres", "version": "18"}, after=["app.shop"])
    _, diagnostics = plan_and_diagnostics([APP, upgraded], applied([APP, ADDON]), removals=[CONSENT])
    assert [item.code for item in diagnostics] == ["unconfirmed-data-loss"]


def test_consent_to_destroy_an_app_is_none_to_destroy_its_data():
    parts = app_with_parts()
    whole = Removal(address=at("app.shop"), destroy=True)
    _, diagnostics = plan_and_diagnostics([want("app.blog")], applied(parts), removals=[whole])
    assert [item.address for item in diagnostics] == ["addon.shop/DB"]


def test_what_is_kept_is_forgotten_and_no_provider_is_asked():
    plan, diagnostics = plan_and_diagnostics([APP], applied([APP, ADDON]), removals=[KEEP])
    assert diagnostics == []
    assert actions(plan) == {"addon.shop/DB": "forget"}
    assert [step.operation for step in plan.steps] == [Operation.FORGET]
    assert plan.changes[0].causes == ("declared as removed, and kept: the shop has moved",)
    assert plan.changes[0].risks == ()


def test_an_app_that_is_kept_is_kept_with_all_its_parts():
    parts = [*app_with_parts("shop"), *app_with_parts("blog")]
    whole = Removal(address=at("app.shop"), destroy=False)
    plan, diagnostics = plan_and_diagnostics(app_with_parts("blog"), applied(parts), removals=[whole])
    assert diagnostics == []
    assert actions(plan) == {str(part.address): "forget" for part in parts if part.address.app == "shop"}


def test_destroying_everything_keeps_what_is_declared_as_kept():
    plan, diagnostics = plan_and_diagnostics([APP], applied([APP, ADDON]), removals=[KEEP], destroy=True)
    assert diagnostics == []
    assert actions(plan) == {"addon.shop/DB": "forget", "app.shop": "delete"}


def test_a_declaration_about_what_is_not_recorded_means_nothing():
    plan, diagnostics = plan_and_diagnostics([APP], applied([APP]), removals=[CONSENT])
    assert plan.is_empty
    assert plan.confirmed == ()
    assert diagnostics == []


def test_what_is_gone_is_told_as_gone():
    records = applied([APP, ADDON])
    plan = plan_of([APP], records, {**healthy(*records), records[1].key: Absent()}, removals=[KEEP])
    assert plan.changes[0].causes == ("deleted outside of dpaas: its record is removed",)
