"""`replace_triggered_by`: replaced because something else changes."""

from __future__ import annotations

from dataclasses import replace

from plan_case import actions, app_with_parts, applied, at, healthy, plan_of

from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Absent


def triggered(parts, address, *triggers):
    """The manifests in which `address` is replaced with the triggers."""
    return [
        replace(part, replace_triggered_by=tuple(at(text) for text in triggers))
        if str(part.address) == address
        else part
        for part in parts
    ]


def rules(**app):
    return triggered(app_with_parts(**app), "formation.shop", "config.shop")


def test_what_is_triggered_is_replaced_and_says_by_what():
    plan = plan_of(rules(config={"LOG": "debug"}), applied(rules()))
    assert actions(plan) == {"config.shop": "update", "release.shop": "update", "formation.shop": "replace"}
    change = next(item for item in plan.changes if item.address == at("formation.shop"))
    assert change.causes[0] == "config.shop changes: forces replacement"


def test_it_is_made_after_what_triggers_it():
    plan = plan_of(rules(config={"LOG": "debug"}), applied(rules()))
    [making] = [step for step in plan.steps if step.operation is Operation.CREATE]
    assert "update:config.shop#i-config" in making.after


def test_nothing_is_replaced_while_the_trigger_stays_as_it_is():
    plan = plan_of(rules(quantity=3), applied(rules()))
    assert actions(plan) == {"formation.shop": "update"}


def test_a_new_trigger_on_what_is_there_replaces_nothing():
    assert plan_of(rules(), applied(app_with_parts())).is_empty


def test_a_trigger_that_is_made_for_the_first_time_replaces_nothing():
    records = [record for record in applied(app_with_parts()) if record.address != at("config.shop")]
    plan = plan_of(rules(), records)
    assert actions(plan) == {"config.shop": "create", "release.shop": "update", "formation.shop": "update"}


def test_a_trigger_that_is_replaced_replaces_too():
    parts = triggered(app_with_parts(), "release.shop", "addon.shop/DB")
    plan = plan_of(parts, applied(parts), replaces=[at("addon.shop/DB")], confirmed=[at("addon.shop/DB")])
    assert actions(plan) == {
        "addon.shop/DB": "replace",
        "attachment.shop/DB": "update",
        "release.shop": "replace",
        "formation.shop": "replace",
    }


def test_a_trigger_that_was_deleted_outside_and_is_made_again_replaces():
    records = applied(rules())
    gone = next(record for record in records if record.address == at("config.shop"))
    plan = plan_of(rules(), records, readings={**healthy(*records), gone.key: Absent()})
    assert actions(plan)["formation.shop"] == "replace"


def test_triggers_follow_each_other():
    parts = triggered(rules(config={"LOG": "debug"}), "release.shop", "config.shop")
    plan = plan_of(parts, applied(rules()))
    assert actions(plan) == {"config.shop": "update", "release.shop": "replace", "formation.shop": "replace"}


def test_an_app_that_is_triggered_takes_its_parts_along():
    parts = [*app_with_parts("api", config={"LOG": "debug"}), *app_with_parts("shop")]
    parts = triggered(parts, "app.shop", "config.api")
    records = applied([*app_with_parts("api"), *app_with_parts("shop")])
    plan = plan_of(parts, records, confirmed=[at("addon.shop/DB")])
    assert {address: action for address, action in actions(plan).items() if ".shop" in address} == {
        str(part.address): "replace" for part in parts if part.address.app == "shop"
    }


def test_an_excluded_trigger_replaces_nothing():
    plan = plan_of(rules(config={"LOG": "debug"}, quantity=4), applied(rules()), excludes=["config.shop"])
    assert "formation.shop" not in actions(plan)


def test_the_old_one_is_not_deleted_before_what_triggers_that_has_changed():
    plan = plan_of(rules(config={"LOG": "debug"}), applied(rules()))
    [removing] = [step for step in plan.steps if step.operation is Operation.DELETE]
    assert "update:config.shop#i-config" in removing.after
