"""Create before destroy: who makes the new one first, in which order, and what an interrupted one leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_case import SCOPE, actions, app_with_parts, applied, at, healthy, plan_and_diagnostics, plan_of, ref, want

from declarative_paas.core.plan import Action, Operation, plan_from_json, plan_to_json
from declarative_paas.core.provider import Absent, Present
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.core.state import Intent, Snapshot
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan

ADDON = at("addon.shop/DB")


def first_there(parts, *addresses):
    """The same manifests; these add-ons are made before their old ones are deleted."""
    return [replace(part, create_before_destroy=True) if str(part.address) in addresses else part for part in parts]


def new_version(parts):
    """Version 2 of the engine: another database."""
    return [
        replace(part, attributes={**part.attributes, "version": "2"}) if part.address == ADDON else part
        for part in parts
    ]


def upgraded(*options, **keywords):
    parts = first_there(new_version(app_with_parts()), "addon.shop/DB")
    return plan_and_diagnostics(parts, applied(app_with_parts()), confirmed=[ADDON], **keywords)


def test_the_new_one_is_made_what_uses_it_is_moved_and_the_old_one_goes_last():
    plan, diagnostics = upgraded()
    assert diagnostics == []
    assert [step.id.partition("#")[0] for step in plan.steps] == [
        "create:addon.shop/DB",
        "update:attachment.shop/DB",
        "update:release.shop",
        "update:formation.shop",
        "delete:addon.shop/DB",
    ]
    assert "update:formation.shop#i-formation" in plan.steps[-1].after
    change = next(item for item in plan.changes if item.address == ADDON)
    assert change.create_before_destroy
    assert change.causes[-1] == "create_before_destroy: the new one is made first"
    assert plan.steps[0].instance == change.instance != change.prior_instance == plan.steps[-1].instance


def test_without_it_the_old_one_goes_first():
    plan = plan_of(new_version(app_with_parts()), applied(app_with_parts()), confirmed=[ADDON])
    assert [step.operation for step in plan.steps][:2] == [Operation.DELETE, Operation.CREATE]
    assert not any(change.create_before_destroy for change in plan.changes)


def test_a_plan_that_makes_the_new_one_first_is_saved_and_is_another_plan():
    plan, _ = upgraded()
    assert plan_from_json(plan_to_json(plan)) == plan
    assert plan.digest() != plan_of(new_version(app_with_parts()), applied(app_with_parts())).digest()


def test_what_it_stands_on_is_made_first_too():
    below, above = want("addon.shop/BELOW", {"version": "1"}), want("addon.shop/ABOVE", {"version": "1"})
    above = replace(above, attributes={**above.attributes, "below": ref("addon.shop/BELOW", "id")})
    records = applied([below, above])
    newer = [
        replace(below, attributes={"version": "2"}),
        replace(above, attributes={**above.attributes, "version": "2"}, create_before_destroy=True),
    ]
    plan, diagnostics = plan_and_diagnostics(newer, records, confirmed=[item.address for item in newer])
    assert diagnostics == []
    assert [change.create_before_destroy for change in plan.changes] == [True, True]
    assert "addon.shop/ABOVE stands on it: the new one is made first" in plan.changes[0].causes
    assert [step.id.partition("#")[0] for step in plan.steps] == [
        "create:addon.shop/BELOW",
        "create:addon.shop/ABOVE",
        "delete:addon.shop/ABOVE",
        "delete:addon.shop/BELOW",
    ]


def test_what_cannot_be_there_twice_below_it_is_an_error_that_names_it():
    parts = first_there(app_with_parts(), "addon.shop/DB")
    plan, diagnostics = plan_and_diagnostics(
        parts, applied(app_with_parts()), replaces=[at("app.shop")], confirmed=[ADDON]
    )
    assert [item.code for item in diagnostics] == ["cannot-create-before-destroy"]
    assert "app.shop, which it stands on, is replaced too" in diagnostics[0].summary
    assert not any(change.create_before_destroy for change in plan.changes)


def test_another_region_takes_every_name_once_more():
    parts = [replace(part, region="eu") for part in first_there(app_with_parts(), "addon.shop/DB")]
    plan, diagnostics = plan_and_diagnostics(parts, applied(app_with_parts()), confirmed=[ADDON])
    assert diagnostics == []
    assert {str(change.address) for change in plan.changes if change.create_before_destroy} == {
        "app.shop",
        "addon.shop/DB",
    }
    order = [step.id.partition("#")[0] for step in plan.steps]
    assert order.index("create:addon.shop/DB") < order.index("delete:addon.shop/DB") < order.index("delete:app.shop")


def test_an_update_of_it_makes_no_second_one():
    parts = first_there(app_with_parts(), "addon.shop/DB")
    parts = [
        replace(part, attributes={**part.attributes, "plan": "big"}) if part.address == ADDON else part
        for part in parts
    ]
    plan = plan_of(parts, applied(app_with_parts()))
    assert actions(plan)["addon.shop/DB"] == "update"
    assert not any(change.create_before_destroy for change in plan.changes)


def interrupted_after_the_new_one():
    """The records of an apply that was killed when the new one was made and nothing used it yet."""
    parts = first_there(new_version(app_with_parts()), "addon.shop/DB")
    records = applied(app_with_parts())
    old = next(record for record in records if record.address == ADDON)
    new = replace(
        old,
        instance="new",
        attributes=next(part.attributes for part in parts if part.address == ADDON),
        outputs={"id": "d2", "url": "db://new"},
    )
    records = [replace(record, status=InstanceStatus.DEPOSED) if record is old else record for record in records]
    return parts, [*records, new]


def test_the_next_plan_moves_what_uses_the_old_one_and_deletes_it_last():
    parts, records = interrupted_after_the_new_one()
    plan, diagnostics = plan_and_diagnostics(parts, records, confirmed=[ADDON])
    assert diagnostics == []
    assert [step.id for step in plan.steps][-1] == "delete:addon.shop/DB#i-addon"
    assert {step.address.type for step in plan.steps if step.operation is Operation.UPDATE} == {
        "attachment",
        "release",
        "formation",
    }
    assert "update:formation.shop#i-formation" in plan.steps[-1].after
    assert [change.causes for change in plan.changes if change.action is Action.DELETE] == [
        ("left over by an interrupted replacement",)
    ]


def test_an_app_is_deleted_after_what_a_replacement_left_over_on_it():
    _, records = interrupted_after_the_new_one()
    plan = plan_of([], records, destroy=True, confirmed=[ADDON])
    [app] = [step for step in plan.steps if step.address == at("app.shop")]
    assert {"delete:addon.shop/DB#new", "delete:addon.shop/DB#i-addon"} <= set(app.after)


def planned(parts, records, intents, readings):
    snapshot = Snapshot(
        lineage="line", serial=7, resources={record.key: record for record in records}, intents=tuple(intents)
    )
    return make_plan(
        PlanInputs(
            scope=SCOPE,
            desired={part.address: part for part in parts},
            snapshot=snapshot,
            readings={**healthy(*records), **readings},
            tool_version="test",
            confirmed=[ADDON],
        )
    )[0]


def begun(instance):
    return Intent(step_id="x", operation=Operation.CREATE, address=ADDON, instance=instance, region="us")


@pytest.mark.parametrize("made", [True, False])
def test_a_new_one_that_was_begun_is_gone_on_with(made):
    parts = first_there(new_version(app_with_parts()), "addon.shop/DB")
    wanted = next(part.attributes for part in parts if part.address == ADDON)
    reading = Present(remote_id="r", attributes=wanted) if made else Absent()
    plan = planned(parts, applied(app_with_parts()), [begun("half")], {(ADDON, "half"): reading})
    assert [step.id for step in plan.steps if step.address == ADDON] == [
        "create:addon.shop/DB#half",
        "delete:addon.shop/DB#i-addon",
    ]


def test_a_new_one_that_was_begun_otherwise_is_deleted_and_another_one_is_made():
    parts = first_there(new_version(app_with_parts()), "addon.shop/DB")
    first = planned(parts, applied(app_with_parts()), [], {})
    [taken] = [step.instance for step in first.steps if step.operation is Operation.CREATE]
    other = {(ADDON, taken): Present(remote_id="r", attributes={"service": "postgres", "plan": "tiny"})}
    plan = planned(parts, applied(app_with_parts()), [begun(taken)], other)
    removed = {step.instance for step in plan.steps if step.operation is Operation.DELETE}
    [made] = [step.instance for step in plan.steps if step.operation is Operation.CREATE]
    assert removed == {"i-addon", taken}
    assert made not in removed
