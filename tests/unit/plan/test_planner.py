from __future__ import annotations

from dataclasses import replace

import pytest
from plan_case import actions, app_with_parts, applied, at, healthy, plan_and_diagnostics, plan_of, recorded, ref, want

from declarative_paas.core.plan import Action, Operation, RiskKind, plan_from_json, plan_to_json
from declarative_paas.core.provider import Absent, Present, Unreachable
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.core.state import Intent
from declarative_paas.core.values import Reference, SecretRef


def test_everything_that_is_not_there_is_created_dependencies_first():
    plan = plan_of(app_with_parts())
    assert set(actions(plan).values()) == {"create"}
    order = [str(step.address) for step in plan.steps]
    assert order.index("app.shop") < order.index("addon.shop/DB") < order.index("attachment.shop/DB")
    assert order.index("release.shop") < order.index("formation.shop")


def test_a_second_plan_after_an_apply_is_empty():
    parts = app_with_parts()
    plan = plan_of(parts, applied(parts))
    assert plan.is_empty
    assert plan.unchanged == len(parts)
    assert not plan.drift


def test_a_config_change_reaches_release_and_formation_and_nothing_else():
    plan = plan_of(app_with_parts(config={"LOG": "debug"}), applied(app_with_parts()))
    assert actions(plan) == {"config.shop": "update", "release.shop": "update", "formation.shop": "update"}
    config, release, formation = plan.changes
    assert [(change.path, change.before, change.after) for change in config.fields] == [("vars.LOG", "info", "debug")]
    assert release.causes == ("config.shop changes",)
    assert formation.causes == ("release.shop changes",)
    assert [risk.kind for risk in formation.risks] == [RiskKind.RESTART]


def test_scaling_touches_the_formation_only_and_restarts_nothing():
    plan = plan_of(app_with_parts(quantity=3), applied(app_with_parts()))
    assert actions(plan) == {"formation.shop": "update"}
    assert plan.changes[0].risks == ()


def test_a_move_of_the_source_directory_alone_changes_nothing():
    parts = app_with_parts()
    moved = [
        replace(part, attributes={**part.attributes, "path": "elsewhere"}) if part.address.type == "slug" else part
        for part in parts
    ]
    assert plan_of(moved, applied(parts)).is_empty


def test_a_removed_add_on_goes_only_after_the_formation_has_let_go_of_it():
    before = app_with_parts()
    after = [part for part in before if part.address.name != "DB"]
    after = [
        replace(part, attributes={**part.attributes, "attachments": {}}) if part.address.type == "release" else part
        for part in after
    ]
    plan, diagnostics = plan_and_diagnostics(after, applied(before), confirmed=[at("addon.shop/DB")])
    assert diagnostics == []
    steps = {str(step.address): step for step in plan.steps}
    waits = steps["attachment.shop/DB"].after
    assert any("update:release.shop" in item for item in waits)
    assert any("update:formation.shop" in item for item in waits)
    assert any("delete:attachment.shop/DB" in item for item in steps["addon.shop/DB"].after)


def test_destroying_data_needs_a_confirmation_that_names_it():
    parts = app_with_parts()
    plan, diagnostics = plan_and_diagnostics(parts, applied(parts), destroy=True)
    assert [item.code for item in diagnostics] == ["unconfirmed-data-loss"]
    assert diagnostics[0].expected == "--confirm addon.shop/DB"
    assert plan.count(Action.DELETE) == len(parts)
    _, confirmed = plan_and_diagnostics(parts, applied(parts), destroy=True, confirmed=[at("addon.shop/DB")])
    assert confirmed == []


def test_destroy_runs_against_the_order_of_creation():
    parts = app_with_parts()
    plan = plan_of(parts, applied(parts), destroy=True)
    order = [str(step.address) for step in plan.steps]
    assert order[0] == "formation.shop"
    assert order[-1] == "app.shop"


def test_an_add_on_that_is_not_protected_needs_no_confirmation():
    parts = [
        want("app.shop"),
        want("addon.shop/DB", {"service": "postgres", "plan": "mini", "protect": False}, after=["app.shop"]),
    ]
    records = [recorded(parts[0]), recorded(parts[1])]
    _, diagnostics = plan_and_diagnostics([parts[0]], records)
    assert diagnostics == []


def test_a_region_change_replaces_and_says_so():
    before = [want("app.shop", {"name": "shop"}, region="us")]
    after = [want("app.shop", {"name": "shop"}, region="eu")]
    plan = plan_of(after, [recorded(before[0])], jurisdictions={"us": "US", "eu": "EU"})
    change = plan.changes[0]
    assert change.action is Action.REPLACE
    assert change.causes[0] == "region changed us -> eu: forces replacement"
    assert {risk.kind for risk in change.risks} == {RiskKind.REGION_MOVE, RiskKind.JURISDICTION_MOVE}
    delete, create = plan.steps
    assert (delete.operation, delete.region) == (Operation.DELETE, "us")
    assert (create.operation, create.region) == (Operation.CREATE, "eu")
    assert create.after == (delete.id,)
    assert delete.instance != create.instance


def test_what_was_deleted_outside_is_made_again_and_told_as_drift():
    parts = app_with_parts()
    records = applied(parts)
    readings = {**healthy(*records), (at("addon.shop/DB"), "i-addon"): Absent()}
    plan = plan_of(parts, records, readings)
    assert actions(plan)["addon.shop/DB"] == "create"
    assert [(str(item.address), item.summary) for item in plan.drift] == [("addon.shop/DB", "deleted outside of dpaas")]


def test_problems_are_drift_and_plan_a_repair():
    parts = app_with_parts()
    records = applied(parts)
    formation = next(record for record in records if record.address.type == "formation")
    broken = Present(remote_id="r", attributes=formation.attributes, problems=("web.2 is crashed: exit status 137",))
    plan = plan_of(parts, records, {**healthy(*records), formation.key: broken})
    assert actions(plan) == {"formation.shop": "update"}
    assert plan.changes[0].causes == ("web.2 is crashed: exit status 137",)
    assert plan.drift[0].summary == "web.2 is crashed: exit status 137"


def test_a_value_changed_outside_is_set_back_and_shown_with_both_values():
    parts = app_with_parts()
    records = applied(parts)
    config = next(record for record in records if record.address.type == "config")
    changed = Present(remote_id="r", attributes={"vars": {"LOG": "trace", "THEIRS": "x"}})
    plan = plan_of(parts, records, {**healthy(*records), config.key: changed})
    assert [(item.path, item.before, item.after) for item in plan.changes[0].fields] == [("vars.LOG", "trace", "info")]
    assert plan.changes[0].causes == ("changed outside of dpaas",)
    assert [(item.path, item.before, item.after) for item in plan.drift[0].fields] == [("vars.LOG", "info", "trace")]


def test_a_config_key_that_is_not_ours_is_never_removed():
    parts = [want("config.shop", {"vars": {"A": "1"}})]
    record = recorded(parts[0])
    reading = Present(remote_id="r", attributes={"vars": {"A": "1", "DATABASE_URL": "theirs"}})
    assert plan_of(parts, [record], {record.key: reading}).is_empty


def test_a_config_key_that_was_ours_is_removed_when_no_longer_declared():
    record = recorded(want("config.shop", {"vars": {"A": "1", "B": "2"}}))
    plan = plan_of([want("config.shop", {"vars": {"A": "1"}})], [record])
    assert [(item.path, item.before, item.after) for item in plan.changes[0].fields] == [("vars.B", "2", None)]


def test_an_unset_attribute_is_not_managed():
    record = recorded(want("app.shop", {"name": "shop", "maintenance": True}))
    assert plan_of([want("app.shop", {"name": "shop"})], [record]).is_empty


def test_an_unreachable_region_is_left_alone_and_told():
    parts = app_with_parts(config={"LOG": "debug"})
    records = applied(app_with_parts())
    readings = {record.key: Unreachable("connection refused") for record in records}
    plan, diagnostics = plan_and_diagnostics(parts, records, readings)
    assert plan.is_empty
    assert [item.code for item in diagnostics] == ["region-unreachable"]
    # "No changes" must not be said of what nobody could look at.
    assert diagnostics[0].is_error


def test_an_unreachable_region_is_never_destroyed():
    parts = app_with_parts()
    records = applied(parts)
    plan, _ = plan_and_diagnostics(
        parts, records, {record.key: Unreachable("gone") for record in records}, destroy=True
    )
    assert plan.is_empty


def test_manifests_that_ask_for_nothing_never_delete_everything():
    _, diagnostics = plan_and_diagnostics([], applied(app_with_parts()))
    assert "empty-desired-state" in [item.code for item in diagnostics]


def test_a_secret_is_the_same_when_its_digest_is():
    record = recorded(want("config.shop", {"vars": {"K": SecretRef("shop/key", 1, "aaa")}}))
    same = want("config.shop", {"vars": {"K": SecretRef("shop/key", 2, "aaa")}})
    changed = want("config.shop", {"vars": {"K": SecretRef("shop/key", 2, "bbb")}})
    assert plan_of([same], [record]).is_empty
    assert actions(plan_of([changed], [record])) == {"config.shop": "update"}


def test_a_stable_output_of_an_updated_resource_stays_known():
    parts = app_with_parts()
    bigger = [
        replace(part, attributes={**part.attributes, "plan": "standard-0"}) if part.address.type == "addon" else part
        for part in parts
    ]
    plan = plan_of(bigger, applied(parts))
    assert actions(plan) == {"addon.shop/DB": "update"}


def test_an_unknown_value_stays_in_the_plan_as_where_it_comes_from():
    plan = plan_of(app_with_parts())
    attachment = next(change for change in plan.changes if change.address.type == "attachment")
    assert attachment.after is not None
    assert attachment.after["vars"]["DB_URL"] == Reference(at("addon.shop/DB"), "url")


def test_a_begun_create_is_tried_again_under_its_own_name():
    intent = Intent(
        step_id="create:app.shop#abc", operation=Operation.CREATE, address=at("app.shop"), instance="abc", region="us"
    )
    plan = plan_of([want("app.shop", {"name": "shop"})], intents=[intent], readings={(at("app.shop"), "abc"): Absent()})
    assert plan.changes[0].action is Action.CREATE
    assert plan.changes[0].instance == "abc"
    assert plan.settles == (intent.step_id,)


def test_what_an_interrupted_apply_made_is_taken_over():
    intent = Intent(
        step_id="create:app.shop#abc", operation=Operation.CREATE, address=at("app.shop"), instance="abc", region="us"
    )
    found = Present(remote_id="r", attributes={"name": "shop"})
    plan = plan_of([want("app.shop", {"name": "shop"})], intents=[intent], readings={(at("app.shop"), "abc"): found})
    assert plan.changes[0].action is Action.UPDATE
    assert plan.changes[0].instance == "abc"
    assert plan.changes[0].causes == ("made by an interrupted apply: taken over",)


def test_what_an_interrupted_apply_made_and_nobody_wants_is_deleted():
    intent = Intent(
        step_id="create:app.old#abc", operation=Operation.CREATE, address=at("app.old"), instance="abc", region="us"
    )
    found = Present(remote_id="r", attributes={"name": "old"})
    plan = plan_of([want("app.shop", {"name": "shop"})], intents=[intent], readings={(at("app.old"), "abc"): found})
    assert actions(plan) == {"app.shop": "create", "app.old": "delete"}


def test_a_deposed_instance_is_deleted_and_the_current_one_kept():
    part = want("app.shop", {"name": "shop"})
    current, old = (
        recorded(part, instance="new"),
        replace(recorded(part, instance="old"), status=InstanceStatus.DEPOSED),
    )
    plan = plan_of([part], [current, old])
    assert [(change.action, change.instance) for change in plan.changes] == [(Action.DELETE, "old")]
    assert [step.instance for step in plan.steps] == ["old"]


def test_a_record_of_what_is_already_as_wanted_is_refreshed():
    wanted = want("app.shop", {"name": "shop", "maintenance": True})
    record = recorded(want("app.shop", {"name": "shop", "maintenance": False}))
    plan = plan_of(
        [wanted], [record], {record.key: Present(remote_id="r", attributes={"name": "shop", "maintenance": True})}
    )
    assert plan.is_empty
    assert [dict(item.attributes) for item in plan.refreshed] == [{"name": "shop", "maintenance": True}]


def test_a_target_takes_its_dependencies_along_and_nothing_more():
    plan = plan_of(app_with_parts() + app_with_parts("other"), targets=["config.shop"])
    assert actions(plan) == {"app.shop": "create", "config.shop": "create"}


def test_an_app_name_targets_all_of_the_app():
    plan = plan_of(app_with_parts() + app_with_parts("other"), targets=["other"])
    assert {change.address.app for change in plan.changes} == {"other"}


def test_an_unknown_target_names_the_nearest():
    _, diagnostics = plan_and_diagnostics(app_with_parts(), targets=["formation.shp"])
    assert diagnostics[0].code == "unknown-target"
    assert diagnostics[0].suggestion == "formation.shop"


def test_a_targeted_destroy_takes_the_dependents_along():
    parts = app_with_parts()
    plan = plan_of(parts, applied(parts), destroy=True, targets=["config.shop"])
    assert set(actions(plan)) == {"config.shop", "release.shop", "formation.shop"}


def test_prices_before_and_after_are_sums_over_all():
    before = [want("app.shop", price=500), want("addon.shop/DB", {"plan": "mini"}, price=5000)]
    after = [
        want("app.shop", price=500),
        want("addon.shop/DB", {"plan": "big"}, price=20000),
        want("domain.shop/x", price=None),
    ]
    plan = plan_of(after, [recorded(item) for item in before])
    assert (plan.price_before_cents, plan.price_after_cents, plan.unpriced) == (5500, 20500, 1)


def test_the_digest_tells_actions_apart_and_nothing_else():
    parts = app_with_parts()
    assert plan_of(parts).digest() == plan_of(list(reversed(parts))).digest()
    assert plan_of(parts).digest() != plan_of(app_with_parts(quantity=5)).digest()


def test_a_saved_plan_reads_back_the_same_and_a_damaged_one_is_refused():
    plan = plan_of(app_with_parts(config={"LOG": "debug"}), applied(app_with_parts()))
    data = plan_to_json(plan)
    assert plan_from_json(data) == plan
    data["changes"][0]["after"] = {"vars": {"LOG": "evil"}}
    with pytest.raises(ValueError, match="checksum"):
        plan_from_json(data)


@pytest.mark.parametrize("key", ["steps", "confirmed", "settles", "serial", "base"])
def test_a_saved_plan_that_was_edited_anywhere_is_refused(key):
    data = plan_to_json(plan_of(app_with_parts(config={"LOG": "debug"}), applied(app_with_parts())))
    edited = {"steps": data["steps"][:-1], "confirmed": ["addon.shop/DB"], "settles": ["x"], "serial": 99, "base": {}}
    with pytest.raises(ValueError, match="checksum"):
        plan_from_json({**data, key: edited[key]})


def test_a_replaced_add_on_does_not_wait_for_those_that_will_hold_the_new_one():
    before = app_with_parts()
    newer = [
        replace(part, attributes={**part.attributes, "service": "other"}) if part.address.type == "addon" else part
        for part in before
    ]
    plan = plan_of(newer, applied(before), confirmed=[at("addon.shop/DB")])
    assert actions(plan)["addon.shop/DB"] == "replace"
    assert actions(plan)["attachment.shop/DB"] == "update"
    steps = {step.id: step for step in plan.steps}
    delete = next(step for step in plan.steps if step.operation is Operation.DELETE)
    create = next(step for step in plan.steps if step.operation is Operation.CREATE)
    update = next(step for step in plan.steps if step.address == at("attachment.shop/DB"))
    assert delete.after == ()
    assert delete.id in steps[create.id].after
    assert create.id in update.after


def test_what_is_gone_already_holds_nothing_up():
    before = app_with_parts()
    moved = [replace(part, region="eu") for part in before]
    records = applied(before)
    readings = {**healthy(*records), (at("formation.shop"), "i-formation"): Absent()}
    plan = plan_of(moved, records, readings, confirmed=[at("addon.shop/DB")])
    release_goes = next(step for step in plan.steps if step.id.startswith("delete:release.shop"))
    assert release_goes.after == ()


def test_a_narrower_plan_deletes_nothing_that_other_files_declare():
    mine, theirs, old = want("app.mine"), want("app.theirs"), want("app.old")
    records = [
        replace(recorded(mine), declared_in="mine.yaml"),
        replace(recorded(theirs), declared_in="theirs.yaml"),
        replace(recorded(old), declared_in="mine.yaml"),
    ]
    kept = replace(mine, declared_in="mine.yaml")
    plan, diagnostics = plan_and_diagnostics([kept], records, reads=lambda file: file == "mine.yaml")
    assert actions(plan) == {"app.old": "delete"}
    assert [item.code for item in diagnostics] == ["declared-elsewhere"]
    assert "theirs.yaml" in diagnostics[0].summary


def test_a_narrower_destroy_leaves_what_other_files_declare():
    record = replace(recorded(want("app.theirs")), declared_in="theirs.yaml")
    plan, _ = plan_and_diagnostics([], [record], reads=lambda file: False, destroy=True)
    assert plan.is_empty


def test_a_manifest_that_moved_to_another_file_refreshes_its_record():
    record = replace(recorded(want("app.shop")), declared_in="old.yaml")
    plan = plan_of([replace(want("app.shop"), declared_in="new.yaml")], [record])
    assert plan.is_empty
    assert [item.declared_in for item in plan.refreshed] == ["new.yaml"]


def test_an_unreachable_region_stops_no_other():
    here, there = want("app.here", {"maintenance": True}), want("app.there", region="eu")
    records = [recorded(want("app.here", {"maintenance": False})), recorded(there)]
    readings = {**healthy(records[0]), records[1].key: Unreachable("timed out")}
    plan, diagnostics = plan_and_diagnostics([here, there], records, readings)
    assert actions(plan) == {"app.here": "update"}
    assert [(item.code, item.is_error) for item in diagnostics] == [("region-unreachable", False)]


def test_what_an_unreachable_thing_stands_on_is_not_removed():
    secret, config = (
        want("secret.shop/KEY", region="platform"),
        want("config.shop", {"vars": {"KEY": ref("secret.shop/KEY", "id")}}),
    )
    records = [recorded(secret, {"id": "s"}), replace(recorded(config), attributes={"vars": {"KEY": "s"}})]
    readings = {**healthy(records[0]), records[1].key: Unreachable("timed out")}
    plan = plan_of([want("app.other")], records, readings)
    assert actions(plan) == {"app.other": "create"}
