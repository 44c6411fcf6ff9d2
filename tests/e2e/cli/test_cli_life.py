"""A platform from its first manifest to its end, by commands alone."""

from __future__ import annotations

import json
import stat

import pytest
from cli_case import Stage


def test_a_platform_is_planned_applied_changed_and_destroyed(stage: Stage) -> None:
    assert "Valid: platform acme, 1 app, 8 resources." in stage.run("validate").stdout
    assert "8 to create" in stage.run("plan", "--detailed-exitcode", expect=2).stdout
    applied = stage.apply()
    assert "[8/8]" in applied.stdout
    assert "Applied: 8 created" in applied.stdout
    assert "shop: http://shop.memory.example" in applied.stdout
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout
    assert "No changes" in stage.apply().stdout

    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    assert "config.shop" in stage.run("plan", "--detailed-exitcode", "--out", "plan.json", expect=2).stdout
    assert stat.S_IMODE((stage.directory / "plan.json").stat().st_mode) == 0o600
    assert "Applied" in stage.run("apply", "plan.json").stdout
    stage.run("plan", "--detailed-exitcode")

    refused = stage.run("destroy", "--auto-approve", expect=1)
    assert "unconfirmed-data-loss" in refused.stderr
    assert "dpaas destroy --confirm addon.shop/DATABASE" in refused.stderr
    assert stage.world.call("audit")["things"] > 0
    destroyed = stage.run("destroy", "--auto-approve", "--confirm", "addon.shop/DATABASE")
    assert "8 deleted" in destroyed.stdout
    assert stage.world.call("audit")["things"] == 0
    assert stage.run("state", "list").stdout == ""
    assert "nothing to destroy" in stage.run("destroy", "--auto-approve").stdout


def test_a_stale_saved_plan_is_refused_and_tells_what_moved(stage: Stage) -> None:
    stage.run("plan", "--out", "plan.json")
    stage.apply()
    refused = stage.run("apply", "plan.json", expect=1)
    assert "stale" in refused.stderr
    assert "formation.shop" in refused.stderr
    stage.run("plan", "--detailed-exitcode")


def test_a_saved_plan_is_refused_once_the_real_thing_has_moved(stage: Stage) -> None:
    stage.apply()
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    stage.run("plan", "--out", "plan.json")
    stage.world.call("damage", "config.shop", attributes={"vars": {"LOG_LEVEL": "trace"}})
    assert "config.shop is not as it was read" in stage.run("apply", "plan.json", expect=1).stderr


def test_a_saved_plan_of_another_environment_finds_its_own(stage: Stage) -> None:
    (stage.directory / "overlays" / "production").mkdir(parents=True)
    stage.run("plan", "--env", "production", "--out", "plan.json")
    stage.run("apply", "plan.json")
    assert "app.shop" in stage.run("state", "list", "--env", "production").stdout
    assert stage.run("state", "list").stdout == ""


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 99}', "not json"])
def test_a_file_that_is_no_plan_is_refused(stage: Stage, content: str) -> None:
    (stage.directory / "plan.json").write_text(content)
    assert "plan.json" in stage.run("apply", "plan.json", expect=1).stderr
    assert not (stage.directory / ".dpaas").exists()


def test_a_plan_that_was_altered_is_refused(stage: Stage) -> None:
    stage.run("plan", "--out", "plan.json")
    text = (stage.directory / "plan.json").read_text()
    (stage.directory / "plan.json").write_text(text.replace('"info"', '"debug"'))
    assert "changed after it was made" in stage.run("apply", "plan.json", expect=1).stderr


def test_plans_and_validations_leave_no_trace_in_a_new_project(stage: Stage) -> None:
    before = stage.files()
    for command in (["validate"], ["plan"], ["graph"], ["status"], ["history"], ["state", "list"], ["secrets", "list"]):
        stage.run(*command)
    assert stage.files() == before


def test_a_target_narrows_a_plan_to_what_it_needs(stage: Stage) -> None:
    stage.apply("--target", "addon.shop/DATABASE")
    assert stage.run("state", "list").stdout.split() == ["addon.shop/DATABASE", "app.shop"]


def test_a_failed_step_skips_its_dependents_and_ends_with_its_reason(stage: Stage) -> None:
    stage.world.call("fail_on", "release.shop", summary="the release command failed")
    failed = stage.apply(expect=1)
    assert "release.shop: error: the release command failed" in failed.stderr
    assert "formation.shop: skipped: release.shop failed" in failed.stderr
    assert "Failed: 1 failed, 1 skipped" in failed.stderr
    assert "Applied: 2 created" in stage.apply().stdout


def test_drift_is_named_by_a_plan_and_repaired_by_an_apply(stage: Stage) -> None:
    stage.apply()
    stage.world.call("damage", "formation.shop", "web.2 is crashed")
    assert "web.2 is crashed" in stage.run("plan", "--detailed-exitcode", expect=2).stdout
    assert "web.2 is crashed" not in stage.run("plan", "--no-refresh", "--detailed-exitcode").stdout
    stage.apply()
    stage.run("plan", "--detailed-exitcode")


def test_what_was_read_is_recorded_by_an_apply_without_changes(stage: Stage) -> None:
    stage.apply()
    stage.world.call("damage", "config.shop", attributes={"vars": {"LOG_LEVEL": "debug"}})
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.apps["shop"]["config"].pop("SESSION_KEY")
    stage.write()
    stage.apply()
    assert json.loads(stage.run("state", "show", "config.shop").stdout)["attributes"]["vars"] == {"LOG_LEVEL": "debug"}


def test_the_history_tells_every_apply_and_how_it_ended(stage: Stage) -> None:
    stage.world.call("fail_on", "release.shop")
    stage.apply(expect=1)
    stage.apply()
    stage.run("destroy", "--auto-approve", "--confirm", "addon.shop/DATABASE")
    entries = json.loads(stage.run("history", "--json").stdout)
    assert [(entry["command"], entry["outcome"]) for entry in entries] == [
        ("destroy", "succeeded"),
        ("apply", "succeeded"),
        ("apply", "failed"),
    ]
    assert "destroy" in stage.run("history").stdout


def test_two_applies_at_once_do_not_both_run(stage: Stage) -> None:
    stage.options["latency_s"] = 1.0
    stage.write()
    first = stage.start("apply", "--auto-approve")
    try:
        assert first.stdout is not None
        for line in iter(first.stdout.readline, b""):
            if b"creating" in line:
                break
        refused = stage.run("apply", "--auto-approve", expect=1)
        assert "locked by" in refused.stderr
        assert "expires by itself" in refused.stderr
    finally:
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0, (out, err)
