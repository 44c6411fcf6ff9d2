"""`--refresh-only`: what was read is taken over into the records; no platform changes."""

from __future__ import annotations

from dataclasses import replace

from plan_case import actions, app_with_parts, applied, at, healthy, plan_and_diagnostics, plan_of, recorded, want

from declarative_paas.core.plan import Operation, plan_from_json, plan_to_json
from declarative_paas.core.provider import Absent, Present, Unreachable


def drifted(records, address, **attributes):
    """Everything healthy, one thing with other attributes."""
    record = next(record for record in records if record.address == at(address))
    there = Present(remote_id=record.remote_id, attributes={**record.attributes, **attributes}, outputs=record.outputs)
    return {**healthy(*records), record.key: there}


def test_what_differs_is_recorded_and_shown_as_drift_and_nothing_changes():
    records = applied(app_with_parts())
    plan = plan_of(app_with_parts(quantity=9), records, drifted(records, "app.shop", name="other"), refresh_only=True)
    assert plan.is_empty
    assert plan.steps == ()
    assert [str(item.address) for item in plan.drift] == ["app.shop"]
    assert [(str(record.address), record.attributes["name"]) for record in plan.refreshed] == [("app.shop", "other")]


def test_records_of_what_is_gone_are_forgotten():
    records = applied(app_with_parts())
    gone = {record.key: Absent() for record in records if record.address.type in ("addon", "formation")}
    plan, diagnostics = plan_and_diagnostics(
        app_with_parts(), records, {**healthy(*records), **gone}, refresh_only=True
    )
    assert actions(plan) == {"addon.shop/DB": "forget", "formation.shop": "forget"}
    assert {step.operation for step in plan.steps} == {Operation.FORGET}
    assert diagnostics == []


def test_what_cannot_be_read_is_left_as_it_is_recorded():
    records = applied(app_with_parts())
    plan = plan_of(
        app_with_parts(), records, {record.key: Unreachable("down") for record in records}, refresh_only=True
    )
    assert plan.is_empty
    assert plan.refreshed == ()


def test_a_key_that_somebody_else_set_does_not_become_ours():
    records = applied(app_with_parts())
    readings = drifted(records, "config.shop", vars={"LOG": "loud", "THEIRS": "x"})
    plan = plan_of(app_with_parts(), records, readings, refresh_only=True)
    assert [record.attributes["vars"] for record in plan.refreshed] == [{"LOG": "loud"}]


def test_neither_does_it_when_a_plan_brings_a_record_up_to_date():
    """The platform is as the manifests say, but not as recorded; and somebody added a key."""
    parts = app_with_parts(config={"LOG": "loud"})
    records = applied(app_with_parts())
    plan = plan_of(parts, records, drifted(records, "config.shop", vars={"LOG": "loud", "THEIRS": "x"}))
    assert plan.is_empty
    assert [record.attributes["vars"] for record in plan.refreshed] == [{"LOG": "loud"}]


def test_targets_and_exclusions_narrow_a_refresh():
    old = [want("app.shop", {"name": "shop"}), want("app.blog", {"name": "blog"})]
    records = [recorded(item) for item in old]
    readings = {record.key: Absent() for record in records}
    assert set(actions(plan_of(old, records, readings, refresh_only=True))) == {"app.shop", "app.blog"}
    assert set(actions(plan_of(old, records, readings, refresh_only=True, targets=["shop"]))) == {"app.shop"}
    assert set(actions(plan_of(old, records, readings, refresh_only=True, excludes=["shop"]))) == {"app.blog"}


def test_a_refreshed_record_makes_the_next_plan_the_same_changes_and_no_drift():
    parts = app_with_parts()
    records = applied(parts)
    readings = drifted(records, "app.shop", name="other")
    before = plan_of(parts, records, readings)
    [fresh] = plan_of(parts, records, readings, refresh_only=True).refreshed
    after = plan_of(parts, [fresh if record.key == fresh.key else record for record in records], readings)
    assert actions(after) == actions(before) == {"app.shop": "update"}
    assert before.drift
    assert not after.drift


def test_a_refresh_settles_no_journaled_step_and_survives_being_saved():
    records = applied(app_with_parts())
    plan = plan_of(app_with_parts(), records, drifted(records, "app.shop", name="other"), refresh_only=True)
    again = plan_from_json(plan_to_json(plan))
    assert again == replace(plan)
    assert again.refresh_only
