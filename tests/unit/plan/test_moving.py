"""`moved`: what has another name now stays what it was."""

from __future__ import annotations

from plan_case import actions, app_with_parts, applied, at, healthy, plan_and_diagnostics, plan_of, want

from declarative_paas.core.lifecycle import Move
from declarative_paas.core.plan import Operation, plan_from_json, plan_to_json
from declarative_paas.core.provider import Absent, Present
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Intent
from declarative_paas.core.values import SecretRef

STORE = [Move(old=at("app.shop"), new=at("app.store"))]
ALIAS = [Move(old=at("addon.shop/DB"), new=at("addon.shop/MAIN"))]


def test_a_moved_app_is_renamed_and_only_what_carries_its_name_changes():
    plan = plan_of(app_with_parts("store"), applied(app_with_parts("shop")), moves=STORE, renaming=["us"])
    assert set(actions(plan).values()) == {"update"}
    by_address = {str(change.address): change for change in plan.changes}
    assert not by_address["app.store"].renames_only
    assert [item.path for item in by_address["app.store"].fields] == ["name"]
    assert by_address["app.store"].causes[0] == "moved from app.shop"
    assert by_address["addon.store/DB"].renames_only
    assert by_address["addon.store/DB"].risks == ()
    steps = [step for step in plan.steps if step.address == at("addon.store/DB")]
    assert [step.operation for step in steps] == [Operation.RENAME]


def test_what_changes_beside_its_name_is_renamed_first():
    plan = plan_of(app_with_parts("store"), applied(app_with_parts("shop")), moves=STORE, renaming=["us"])
    rename, update = [step for step in plan.steps if step.address == at("app.store")]
    assert (rename.operation, update.operation) == (Operation.RENAME, Operation.UPDATE)
    assert rename.id in update.after


def test_an_add_on_gets_another_alias_and_keeps_its_data():
    before = [want("app.shop", {"name": "shop"}), want("addon.shop/DB", {"service": "postgres"}, after=["app.shop"])]
    after = [before[0], want("addon.shop/MAIN", {"service": "postgres"}, after=["app.shop"])]
    plan, diagnostics = plan_and_diagnostics(after, applied(before), moves=ALIAS, renaming=["us"])
    assert diagnostics == []
    assert [step.operation for step in plan.steps] == [Operation.RENAME]
    assert plan_from_json(plan_to_json(plan)) == plan


def test_data_that_cannot_be_renamed_is_never_made_anew():
    for confirmed in ([], [at("addon.shop/DB")]):
        _, diagnostics = plan_and_diagnostics(
            app_with_parts("store"), applied(app_with_parts("shop")), moves=STORE, confirmed=confirmed
        )
        refused = [item for item in diagnostics if item.is_error]
        assert [(item.code, item.address) for item in refused] == [("move-needs-rename", "addon.shop/DB")]


def test_what_holds_no_data_is_made_anew_and_that_is_told():
    before, after = [want("app.shop", {"name": "shop"})], [want("app.store", {"name": "store"})]
    plan, diagnostics = plan_and_diagnostics(after, applied(before), moves=STORE)
    assert actions(plan) == {"app.store": "create", "app.shop": "delete"}
    assert [(item.code, item.is_error) for item in diagnostics] == [("move-makes-anew", False)]


def test_two_things_never_become_one():
    records = applied([want("app.shop", {"name": "shop"}), want("app.store", {"name": "store"})])
    _, diagnostics = plan_and_diagnostics([want("app.store", {"name": "store"})], records, moves=STORE, renaming=["us"])
    assert [item.code for item in diagnostics] == ["move-onto-existing"]


def test_a_move_that_was_made_means_nothing_any_more():
    parts = app_with_parts("store")
    plan, diagnostics = plan_and_diagnostics(parts, applied(parts), moves=STORE, renaming=["us"])
    assert plan.is_empty
    assert diagnostics == []


def test_others_depend_on_the_new_name_in_their_records_too():
    before = [want("app.shop", {"name": "shop"}), want("app.blog", {"name": "blog"}, after=["app.shop"])]
    after = [want("app.store", {"name": "store"}), want("app.blog", {"name": "blog"}, after=["app.store"])]
    plan = plan_of(after, applied(before), moves=STORE, renaming=["us"])
    assert actions(plan) == {"app.store": "update"}
    assert [(str(record.address), record.dependencies) for record in plan.refreshed] == [
        ("app.blog", (at("app.store"),))
    ]


def test_what_an_interrupted_apply_renamed_already_is_found_under_its_new_name():
    before, after = [want("app.shop", {"name": "shop"})], [want("app.store", {"name": "shop"})]
    [record] = applied(before)
    new = (at("app.store"), record.instance)
    trace = Intent(
        step_id="rename:app.store#i-app", operation=Operation.RENAME, address=new[0], instance=new[1], region="us"
    )
    readings = {record.key: Absent(), new: Present(remote_id="x", attributes=record.attributes, outputs=record.outputs)}
    plan, _ = plan_and_diagnostics(after, [record], readings, intents=[trace], moves=STORE, renaming=["us"])
    assert [step.operation for step in plan.steps] == [Operation.RENAME]
    assert plan.settles == (trace.step_id,)


def test_what_is_gone_is_made_under_its_new_name_and_its_old_record_forgotten():
    before, after = [want("app.shop", {"name": "shop"})], [want("app.store", {"name": "store"})]
    [record] = applied(before)
    plan = plan_of(after, [record], {record.key: Absent()}, moves=STORE, renaming=["us"])
    assert actions(plan) == {"app.store": "create", "app.shop": "forget"}


def test_a_region_change_moves_the_thing_first_and_then_replaces_it():
    before = [want("app.shop", {"name": "shop"})]
    after = [want("app.store", {"name": "store"}, region="eu")]
    plan = plan_of(after, applied(before), moves=STORE, renaming=["us", "eu"])
    assert [(step.operation.value, step.region) for step in plan.steps] == [
        ("rename", "us"),
        ("delete", "us"),
        ("create", "eu"),
    ]


def test_destroying_goes_by_the_recorded_names():
    plan = plan_of(
        [want("app.store", {"name": "store"})],
        applied([want("app.shop", {"name": "shop"})]),
        moves=STORE,
        renaming=["us"],
        destroy=True,
    )
    assert actions(plan) == {"app.shop": "delete"}


def test_a_generated_secret_keeps_its_value():
    before = [want("secret.shop/KEY", {"length": 32}, region="platform")]
    after = [want("secret.shop/SESSION_KEY", {"length": 32}, region="platform")]
    move = Move(old=at("secret.shop/KEY"), new=at("secret.shop/SESSION_KEY"))
    plan = plan_of(after, secret_records(before), None, moves=[move], renaming=["platform"])
    assert [(str(change.address), change.renames_only) for change in plan.changes] == [
        ("secret.shop/SESSION_KEY", True)
    ]


def secret_records(resources):
    from plan_case import recorded

    return [
        recorded(item, {"id": "k", "value": SecretRef("@acme/secret.shop/KEY.value", 1, "d")}) for item in resources
    ]


def test_readings_of_others_stay_theirs():
    parts = [*app_with_parts("shop"), *app_with_parts("blog")]
    records = applied(parts)
    wanted = [*app_with_parts("store"), *app_with_parts("blog")]
    plan = plan_of(wanted, records, healthy(*records), moves=STORE, renaming=["us"])
    assert {change.address.app for change in plan.changes} == {"store"}
    assert not plan.drift


def test_an_app_whose_data_is_on_its_way_between_regions_keeps_its_name_until_then():
    between = {"from": {"app": "shop", "region": "us"}, "to": {"app": "shop-eu", "region": "eu"}}
    ways = {
        "move.shop": {"source": "us", "target": "eu"},
        "follower.shop-eu/DB": {"target": "i2", "source": "i1", "between": between, "service": "postgres"},
    }
    for address, attributes in ways.items():
        way = ResourceState(
            address=at(address), instance="w1", region="transfers", remote_id="w1", attributes=attributes
        )
        records = [*applied(app_with_parts("shop")), way]
        _, diagnostics = plan_and_diagnostics(
            app_with_parts("store"), records, moves=STORE, renaming=["us", "transfers"]
        )
        assert ("move-not-now", "addon.shop/DB") in {(item.code, item.address) for item in diagnostics if item.is_error}
