"""`--exclude`: what is named, and what cannot change as asked without it, stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_case import actions, app_with_parts, applied, at, plan_and_diagnostics, plan_of, ref, want

from declarative_paas.core.diagnostic import Severity
from declarative_paas.core.plan import Operation, plan_from_json, plan_to_json
from declarative_paas.core.state import Intent


def without_addon(parts):
    """The manifests after the add-on's block was removed."""
    return [
        replace(part, attributes={**part.attributes, "attachments": {}}) if part.address.type == "release" else part
        for part in parts
        if part.address.name != "DB"
    ]


def test_what_depends_on_an_excluded_change_is_left_alone_too():
    parts = app_with_parts(config={"LOG": "debug"}, quantity=5)
    plan, diagnostics = plan_and_diagnostics(parts, applied(app_with_parts()), excludes=["config.shop"])
    assert plan.is_empty
    assert [(item.severity, item.code) for item in diagnostics] == [(Severity.NOTE, "left-alone")]
    assert "config.shop, formation.shop, release.shop" in diagnostics[0].summary


def test_excluding_what_would_not_change_holds_nothing_up():
    parts = app_with_parts(source="s2", quantity=5)
    plan, diagnostics = plan_and_diagnostics(parts, applied(app_with_parts()), excludes=["config.shop"])
    assert set(actions(plan)) == {"slug.shop", "release.shop", "formation.shop"}
    assert diagnostics == []


def test_who_only_stands_on_an_excluded_update_goes_on():
    parts = [
        replace(part, attributes={**part.attributes, "maintenance": True}) if part.address.type == "app" else part
        for part in app_with_parts(quantity=3)
    ]
    plan = plan_of(parts, applied(app_with_parts()), excludes=["app.shop"])
    assert actions(plan) == {"formation.shop": "update"}


def test_nothing_is_made_on_what_an_exclusion_keeps_from_being_made():
    plan = plan_of(app_with_parts(), excludes=["addon.shop/DB"])
    assert set(actions(plan)) == {"app.shop", "config.shop", "slug.shop"}


def test_an_app_is_excluded_by_its_name():
    parts = [*app_with_parts("shop", quantity=4), *app_with_parts("blog", quantity=4)]
    records = applied([*app_with_parts("shop"), *app_with_parts("blog")])
    assert actions(plan_of(parts, records, excludes=["shop"])) == {"formation.blog": "update"}


def test_a_removal_that_is_excluded_keeps_what_it_stands_on():
    records = applied(app_with_parts())
    plan = plan_of([], records, destroy=True, excludes=["attachment.shop/DB"], confirmed=[at("addon.shop/DB")])
    assert "attachment.shop/DB" not in actions(plan)
    assert "addon.shop/DB" not in actions(plan)
    assert "app.shop" not in actions(plan)
    assert actions(plan)["formation.shop"] == "delete"


def test_what_an_excluded_update_should_have_let_go_of_is_not_removed():
    plan, diagnostics = plan_and_diagnostics(
        without_addon(app_with_parts()), applied(app_with_parts()), excludes=["release.shop"]
    )
    assert plan.is_empty
    assert [item.code for item in diagnostics] == ["left-alone"]


def test_the_same_removal_is_planned_without_the_exclusion():
    plan = plan_of(without_addon(app_with_parts()), applied(app_with_parts()))
    assert actions(plan)["addon.shop/DB"] == "delete"


def test_an_excluded_name_that_names_nothing_is_an_error():
    _, diagnostics = plan_and_diagnostics(app_with_parts(), excludes=["formation.shp"])
    assert [(item.code, item.suggestion) for item in diagnostics] == [("unknown-target", "formation.shop")]


def test_the_trace_of_an_excluded_create_is_kept():
    trace = Intent(
        step_id="create:addon.shop/DB#x",
        operation=Operation.CREATE,
        address=at("addon.shop/DB"),
        instance="x",
        region="us",
    )
    plan, _ = plan_and_diagnostics(app_with_parts(), excludes=["addon.shop/DB"], intents=[trace])
    assert plan.settles == ()
    plan, _ = plan_and_diagnostics(app_with_parts(), intents=[trace])
    assert plan.settles == (trace.step_id,)


def test_an_excluded_change_of_another_app_holds_up_only_those_who_use_what_changes():
    """A url survives an update of its app, so who refers to it goes on; a new add-on would change everybody."""
    shop = [want("app.shop", {"name": "shop", "maintenance": True})]
    blog = [want("app.blog", {"name": "blog"}), want("config.blog", {"vars": {"A": ref("app.shop", "url"), "B": "2"}})]
    before = applied(
        [
            want("app.shop", {"name": "shop"}),
            want("app.blog", {"name": "blog"}),
            want("config.blog", {"vars": {"A": ref("app.shop", "url"), "B": "1"}}),
        ]
    )
    assert actions(plan_of([*shop, *blog], before, excludes=["shop"])) == {"config.blog": "update"}
    moved = [replace(shop[0], region="eu")]
    assert actions(plan_of([*moved, *blog], before, excludes=["shop"])) == {}


def test_exclusions_narrow_a_targeted_plan():
    parts = app_with_parts(source="s2")
    plan = plan_of(parts, applied(app_with_parts()), targets=["formation.shop"], excludes=["formation.shop"])
    assert set(actions(plan)) == {"slug.shop", "release.shop"}


@pytest.mark.parametrize("excludes", [["config.shop"], ["shop"]])
def test_a_plan_remembers_its_exclusions(excludes):
    plan = plan_of(app_with_parts(config={"LOG": "debug"}), applied(app_with_parts()), excludes=excludes)
    assert plan_from_json(plan_to_json(plan)).excludes == tuple(excludes)
