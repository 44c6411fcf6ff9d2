"""`--replace`: made anew although no manifest asks for it."""

from __future__ import annotations

from plan_case import actions, app_with_parts, applied, at, plan_and_diagnostics, plan_of

from declarative_paas.core.plan import Operation, RiskKind, plan_from_json, plan_to_json


def test_a_replaced_formation_is_deleted_and_made_again_and_says_why():
    plan = plan_of(app_with_parts(), applied(app_with_parts()), replaces=[at("formation.shop")])
    assert actions(plan) == {"formation.shop": "replace"}
    assert plan.changes[0].causes == ("its replacement was asked for",)
    assert [risk.kind for risk in plan.changes[0].risks] == [RiskKind.DOWNTIME]
    assert [step.operation for step in plan.steps] == [Operation.DELETE, Operation.CREATE]


def test_replacing_data_needs_its_confirmation():
    parts = app_with_parts()
    replaces = [at("addon.shop/DB")]
    plan, diagnostics = plan_and_diagnostics(parts, applied(parts), replaces=replaces)
    assert [(item.code, item.expected) for item in diagnostics] == [
        ("unconfirmed-data-loss", "--confirm addon.shop/DB")
    ]
    assert RiskKind.DATA_LOSS in [risk.kind for change in plan.changes for risk in change.risks]
    assert actions(plan) == {
        "addon.shop/DB": "replace",
        "attachment.shop/DB": "update",
        "release.shop": "update",
        "formation.shop": "update",
    }
    _, diagnostics = plan_and_diagnostics(parts, applied(parts), replaces=replaces, confirmed=replaces)
    assert diagnostics == []


def test_an_app_takes_all_its_parts_along():
    parts = [*app_with_parts("shop"), *app_with_parts("blog")]
    plan, diagnostics = plan_and_diagnostics(parts, applied(parts), replaces=[at("app.shop")])
    assert actions(plan) == {str(part.address): "replace" for part in parts if part.address.app == "shop"}
    assert [item.address for item in diagnostics] == ["addon.shop/DB"]


def test_a_release_takes_the_dynos_that_run_it_along():
    parts = app_with_parts()
    plan = plan_of(parts, applied(parts), replaces=[at("release.shop")])
    assert actions(plan) == {"release.shop": "replace", "formation.shop": "replace"}


def test_what_is_not_there_yet_is_made_once():
    plan = plan_of(app_with_parts(), replaces=[at("addon.shop/DB")])
    assert set(actions(plan).values()) == {"create"}


def test_what_is_not_declared_cannot_be_replaced():
    parts = app_with_parts()
    _, diagnostics = plan_and_diagnostics(parts, applied(parts), replaces=[at("formation.shp")])
    assert [(item.code, item.suggestion) for item in diagnostics] == [("unknown-replace", "formation.shop")]


def test_an_exclusion_is_stronger_than_a_replacement():
    parts = app_with_parts()
    plan = plan_of(parts, applied(parts), replaces=[at("addon.shop/DB")], excludes=["addon.shop/DB"])
    assert plan.is_empty


def test_a_plan_remembers_what_it_replaces():
    plan = plan_of(app_with_parts(), applied(app_with_parts()), replaces=[at("formation.shop")])
    assert plan_from_json(plan_to_json(plan)) == plan
