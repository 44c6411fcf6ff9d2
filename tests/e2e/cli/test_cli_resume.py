"""`apply --resume`: what an interrupted command had left, and nothing else."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from cli_case import Stage
from jsonschema import Draft202012Validator

EVENTS = Path(__file__).parents[3] / "schemas" / "events.schema.json"


def instances(stage: Stage, address: str) -> list[str]:
    found = stage.world.read("acme/default/main@us")
    return [key.partition("#")[2] for key in found if key.startswith(f"{address}#")]


def test_a_failed_apply_is_finished_with_what_it_was_asked_for(stage: Stage) -> None:
    stage.apply()
    before = instances(stage, "formation.shop")
    stage.world.call("fail_on", "formation.shop", summary="not today")
    stage.apply("--replace", "formation.shop", expect=1)
    assert instances(stage, "formation.shop") == before
    # Planned anew nobody would know that it was to be replaced.
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    done = stage.run("apply", "--resume")
    assert "Applied: 1 created, 1 deleted" in done.stdout
    assert instances(stage, "formation.shop") != before
    entries = json.loads(stage.run("history", "--json").stdout)
    assert [(entry["command"], entry["outcome"]) for entry in entries] == [
        ("apply --resume", "succeeded"),
        ("apply", "failed"),
        ("apply", "succeeded"),
    ]
    assert "nothing is left [nothing-to-resume]" in stage.run("apply", "--resume", expect=1).stderr


def test_a_killed_apply_is_finished(stage: Stage) -> None:
    stage.options["latency_s"] = 0.3
    stage.write()
    process = stage.start("apply", "--auto-approve", "--json")
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["kind"] == "step_succeeded":
                break
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    stage.options["latency_s"] = 0
    stage.write()
    lines = stage.run("apply", "--resume", "--json").stdout.splitlines()
    validator = Draft202012Validator(json.loads(EVENTS.read_text(encoding="utf-8")))
    for line in lines:
        validator.validate(json.loads(line))
    assert json.loads(lines[-1])["outcome"] == "succeeded"
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    assert stage.world.call("audit")["duplicates"] == []


def test_what_was_confirmed_and_limited_stays_so(stage: Stage) -> None:
    stage.apps["blog"] = {**stage.apps["shop"], "addons": []}
    stage.write()
    stage.apply()
    stage.world.call("fail_on", "app.shop", summary="not today")
    confirmed = ("--target", "shop", "--confirm", "addon.shop/DATABASE")
    stage.run("destroy", "--auto-approve", *confirmed, expect=1)
    assert instances(stage, "addon.shop/DATABASE") == []
    stage.run("apply", "--resume")
    assert instances(stage, "app.shop") == []
    assert len(instances(stage, "app.blog")) == 1


def test_what_moved_is_said_and_nothing_is_done(stage: Stage) -> None:
    stage.apply()
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    stage.world.call("fail_on", "config.shop", summary="not today")
    stage.apply(expect=1)
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "warning"
    stage.apps["shop"]["maintenance"] = True
    stage.write()
    effects = stage.world.call("audit")["effects"]
    refused = stage.run("apply", "--resume", expect=1)
    assert "app.shop was not part of it, and now has to be changed: update" in refused.stderr
    assert "config.shop is to be something else now" in refused.stderr
    assert stage.world.call("audit")["effects"] == effects
    stage.apply()
    stage.run("apply", "--resume", expect=1)


def test_it_goes_with_no_other_option(stage: Stage) -> None:
    refused = stage.run("apply", "--resume", "--target", "shop", expect=1)
    assert "no other options beside it" in refused.stderr
    assert "nothing has been applied yet" in stage.run("apply", "--resume", expect=1).stderr
