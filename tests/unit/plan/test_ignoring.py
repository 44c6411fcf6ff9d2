"""`ignore`: fields that somebody else manages are neither compared nor changed."""

from __future__ import annotations

from dataclasses import replace

from plan_case import actions, app_with_parts, applied, at, healthy, plan_of, want

from declarative_paas.core.provider import Absent, Present
from declarative_paas.plan.ignoring import with_actual

IGNORED = {
    "config.shop": ("vars.LOG", "vars.THEIRS"),
    "formation.shop": ("processes.web.quantity",),
    "app.shop": ("maintenance",),
}


def ignoring(parts):
    return [replace(part, ignored=IGNORED.get(str(part.address), ())) for part in parts]


def scaled(records, quantity):
    [formation] = [record for record in records if record.address.type == "formation"]
    web = {**formation.attributes["processes"]["web"], "quantity": quantity}
    there = Present(
        remote_id="x", attributes={**formation.attributes, "processes": {"web": web}}, outputs=formation.outputs
    )
    return {**healthy(*records), formation.key: there}


def test_what_an_autoscaler_did_is_neither_change_nor_drift_nor_an_outdated_record():
    records = applied(app_with_parts())
    plan = plan_of(ignoring(app_with_parts()), records, scaled(records, 7))
    assert plan.is_empty
    assert not plan.drift
    assert not plan.refreshed
    assert plan_of(app_with_parts(), records, scaled(records, 7)).drift


def test_another_change_carries_the_actual_value_along():
    records = applied(app_with_parts())
    plan = plan_of(ignoring(app_with_parts(source="s2")), records, scaled(records, 7))
    [formation] = [change for change in plan.changes if change.address == at("formation.shop")]
    assert formation.after["processes"]["web"]["quantity"] == 7
    assert [item.path for item in formation.fields] == ["release"]


def test_a_key_that_is_ignored_and_not_declared_any_more_stays():
    records = applied(app_with_parts(config={"LOG": "info", "OTHER": "1"}))
    plan = plan_of(ignoring(app_with_parts(config={"OTHER": "2"})), records)
    [config] = [change for change in plan.changes if change.address == at("config.shop")]
    assert config.after["vars"] == {"LOG": "info", "OTHER": "2"}
    assert [item.path for item in config.fields] == ["vars.OTHER"]


def test_what_was_made_by_hand_is_kept_when_its_neighbours_change():
    records = applied(app_with_parts())
    [config] = [record for record in records if record.address.type == "config"]
    there = Present(remote_id="x", attributes={"vars": {"LOG": "info", "THEIRS": "x"}}, outputs=config.outputs)
    parts = ignoring(app_with_parts(config={"LOG": "loud", "NEW": "1"}))
    plan = plan_of(parts, records, {**healthy(*records), config.key: there})
    [change] = [change for change in plan.changes if change.address == config.address]
    assert change.after["vars"] == {"LOG": "info", "THEIRS": "x", "NEW": "1"}


def test_a_new_resource_gets_the_declared_value_as_its_first():
    [formation] = [
        change for change in plan_of(ignoring(app_with_parts())).changes if change.address.type == "formation"
    ]
    assert formation.after["processes"]["web"]["quantity"] == 2


def test_a_new_process_type_gets_its_declared_quantity():
    parts = app_with_parts()
    worker = {"command": "work", "size": "standard-1x", "quantity": 3, "health": None}
    wanted = [
        replace(
            part,
            attributes={**part.attributes, "processes": {**part.attributes["processes"], "worker": worker}},
            ignored=("processes.worker.quantity",),
        )
        if part.address.type == "formation"
        else part
        for part in parts
    ]
    [formation] = plan_of(wanted, applied(parts)).changes
    assert formation.after["processes"]["worker"]["quantity"] == 3


def test_a_broken_or_lost_thing_is_drift_whatever_of_it_is_ignored():
    records = applied(app_with_parts())
    readings = {**healthy(*records), (at("formation.shop"), "i-formation"): Absent()}
    plan = plan_of(ignoring(app_with_parts()), records, readings)
    assert actions(plan)["formation.shop"] == "create"
    assert [str(item.address) for item in plan.drift] == ["formation.shop"]


def test_an_ignored_field_that_would_force_a_replacement_does_not():
    old = [want("app.shop"), want("addon.shop/DB", {"service": "postgres", "plan": "mini", "version": "17"})]
    new = [old[0], replace(old[1], attributes={**old[1].attributes, "version": "18"}, ignored=("version",))]
    assert plan_of(new, applied(old)).is_empty


def test_what_is_shared_is_not_copied():
    wanted = {"a": {"b": 1}, "c": {"d": 2}}
    assert with_actual(wanted, {}, ()) is wanted
    merged = with_actual(wanted, {"a": {"b": 9}}, ("a.b",))
    assert merged == {"a": {"b": 9}, "c": {"d": 2}}
    assert merged["c"] is wanted["c"]
    assert wanted == {"a": {"b": 1}, "c": {"d": 2}}
