"""What programs read: JSON, annotations, graphs, schemas; and what nobody may ever read: secrets."""

from __future__ import annotations

import json
import subprocess
from xml.etree import ElementTree

import pytest
import yaml
from cli_case import DPAAS, Stage, environment_of

SECRET = "correct-horse-battery-staple-7719"


def test_the_plan_as_json_says_what_the_saved_plan_says(stage: Stage) -> None:
    printed = json.loads(stage.run("plan", "--json", "--out", "plan.json").stdout)
    saved = json.loads((stage.directory / "plan.json").read_text())
    assert printed["digest"] == saved["digest"]
    assert printed["summary"]["create"] == 8


def test_an_apply_as_json_is_one_event_a_line(stage: Stage) -> None:
    lines = [json.loads(line) for line in stage.apply("--json").stdout.splitlines()]
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["apply_started", "apply_finished"]
    assert sum(line["kind"] == "step_succeeded" for line in lines) == 8
    again = [json.loads(line) for line in stage.apply("--json").stdout.splitlines()]
    assert [line["kind"] for line in again] == ["apply_finished"]


def test_status_tells_of_maintenance_mode(stage: Stage) -> None:
    stage.apply()
    assert "maintenance" not in stage.run("status").stdout
    stage.apps["shop"]["maintenance"] = True
    stage.write()
    stage.apply()
    assert "http://shop.memory.example (maintenance mode)" in stage.run("status").stdout
    assert json.loads(stage.run("status", "--json").stdout)["apps"][0]["maintenance"] is True


def test_a_record_is_one_json_document_also_while_a_move_keeps_another_instance(stage: Stage) -> None:
    stage.apply()
    manifest = stage.directory / "dpaas.yaml"
    platform, shop = yaml.safe_load_all(manifest.read_text())
    platform["spec"]["regions"]["eu"] = platform["spec"]["regions"]["us"]
    shop["spec"]["region"] = "eu"
    manifest.write_text(yaml.safe_dump_all([platform, shop]))
    stage.apply()
    shown = json.loads(stage.run("state", "show", "app.shop").stdout)
    assert (shown["region"], shown["status"]) == ("eu", "current")
    (kept,) = shown["other_instances"]
    assert (kept["region"], kept["status"]) == ("us", "retained")
    assert "other_instances" not in json.loads(stage.run("state", "show", "secret.shop/SESSION_KEY").stdout)


def test_a_failed_apply_as_json_tells_the_failure_as_an_event(stage: Stage) -> None:
    stage.world.call("fail_on", "release.shop", summary="no luck")
    lines = [json.loads(line) for line in stage.apply("--json", expect=1).stdout.splitlines()]
    (failed,) = (line for line in lines if line["kind"] == "step_failed")
    assert failed["address"] == "release.shop"
    assert failed["message"] == "no luck"


def test_status_state_and_history_parse_as_json(stage: Stage) -> None:
    stage.apply()
    status = json.loads(stage.run("status", "--json").stdout)
    assert status["platform"] == "acme"
    assert [region["provider"] for region in status["regions"]] == ["memory"]
    (shop,) = status["apps"]
    assert shop["dynos"] == [{"type": "web", "desired": 2, "up": None}]
    assert shop["addons"] == [{"alias": "DATABASE", "service": "postgres", "plan": "standard-0"}]
    assert shop["url"] == "http://shop.memory.example"
    assert shop["release"] == 1
    assert len(json.loads(stage.run("state", "pull").stdout)["resources"]) == 8
    assert json.loads(stage.run("state", "show", "app.shop").stdout)["address"] == "app.shop"
    assert json.loads(stage.run("history", "--json").stdout)[0]["outcome"] == "succeeded"


def test_diagnostics_come_as_json_on_stdout_of_validate(stage: Stage) -> None:
    stage.apps["shop"]["regoin"] = "us"
    stage.write()
    told = json.loads(stage.run("validate", "--diagnostics", "json", expect=1).stdout)
    assert told["errors"] == 1
    (diagnostic,) = told["diagnostics"]
    assert diagnostic["code"] == "unknown-key"
    assert diagnostic["file"] == "dpaas.yaml"
    assert diagnostic["line"] > 1
    assert json.loads(stage.run("plan", "--diagnostics", "json", expect=1).stderr)["errors"] == 1


def test_diagnostics_come_as_annotations_for_github(stage: Stage) -> None:
    stage.apps["shop"]["regoin"] = "us"
    stage.write()
    told = stage.run("validate", "--diagnostics", "github", expect=1).stdout
    assert told.startswith("::error file=dpaas.yaml,line=")
    assert told.count("\n") == 1


def test_a_valid_project_has_no_diagnostics(stage: Stage) -> None:
    assert json.loads(stage.run("validate", "--diagnostics", "json").stdout) == {
        "format": 1,
        "errors": 0,
        "warnings": 0,
        "diagnostics": [],
    }
    assert stage.run("validate", "--diagnostics", "github").stdout == ""


def test_graphs_come_in_three_languages(stage: Stage) -> None:
    assert stage.run("graph").stdout.startswith("digraph")
    assert stage.run("graph", "--format", "mermaid").stdout.startswith("flowchart")
    stage.run("graph", "--format", "svg", "--out", "plan.svg")
    assert ElementTree.parse(stage.directory / "plan.svg").getroot().tag.endswith("svg")
    stage.apply()
    assert "--resources" in stage.run("graph").stderr
    assert "formation.shop" in stage.run("graph", "--resources").stdout


def test_schemas_are_written_where_asked(stage: Stage) -> None:
    printed = stage.run("schema", "--out", "made").stdout.split()
    assert "made/app.schema.json" in printed
    for path in printed:
        assert json.loads((stage.directory / path).read_text())["$schema"]


@pytest.mark.parametrize("way", ["stdin", "environment"])
def test_a_stored_secret_appears_in_no_output_and_in_no_file(stage: Stage, way: str) -> None:
    outputs: list[str] = []

    def run(*arguments: str, expect: int = 0, stdin: str = "", environment: dict[str, str] | None = None) -> None:
        done = stage.run(*arguments, expect=expect, stdin=stdin, environment=environment)
        outputs.extend([done.stdout, done.stderr])

    if way == "stdin":
        run("secrets", "set", "shop/token", stdin=f"{SECRET}\n")
    else:
        run("secrets", "set", "shop/token", "--from-env", "TOKEN", environment={"TOKEN": SECRET})
    stage.apps["shop"]["config"]["TOKEN"] = {"secret": "shop/token"}
    stage.write()
    run("plan", "--out", "plan.json", "--verbose")
    run("plan", "--json")
    run("apply", "plan.json")
    run("secrets", "set", "shop/token", stdin=f"{SECRET}-2")
    run("plan", "--json", "--out", "second.json")
    stage.world.call("fail_on", "config.shop", summary="not today")
    run("apply", "--auto-approve", "--json", expect=1)
    run("apply", "--auto-approve")
    run("secrets", "list")
    run("state", "pull")
    run("state", "show", "config.shop")
    run("status", "--json")
    run("history", "--json")
    run("graph", "--resources")
    run("destroy", "--auto-approve", "--confirm", "addon.shop/DATABASE")
    assert not [text for text in outputs if SECRET in text]
    assert any("shop/token" in text for text in outputs)
    holders = [path for path in stage.files() if SECRET.encode() in path.read_bytes()]
    assert holders == []


def test_the_line_end_of_a_piped_secret_is_not_part_of_it(stage: Stage) -> None:
    stage.run("secrets", "set", "shop/token", stdin="one\n")
    assert "has this value already (version 1)" in stage.run("secrets", "set", "shop/token", stdin="one").stdout
    assert "version 2" in stage.run("secrets", "set", "shop/token", stdin="two").stdout


def test_a_secret_in_use_is_not_removed_without_force(stage: Stage) -> None:
    stage.run("secrets", "set", "shop/token", stdin="one")
    stage.apps["shop"]["config"]["TOKEN"] = {"secret": "shop/token"}
    stage.write()
    stage.apply()
    assert "config.shop (acme/default/main)" in stage.run("secrets", "rm", "shop/token", expect=1).stderr
    stage.run("secrets", "rm", "shop/token", "--force")
    rows = [line.split() for line in stage.run("secrets", "list").stdout.splitlines()]
    assert ["shop/token", "stored", "-", "-", "shop"] in rows


def test_secrets_of_our_own_are_hidden(stage: Stage) -> None:
    stage.apply()
    assert "@" not in stage.run("secrets", "list").stdout
    assert "bad-secret-name" in stage.run("secrets", "rm", "@acme/default/main/x", expect=1).stderr


def test_nobody_reading_is_no_failure_worth_telling(stage: Stage) -> None:
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    done = subprocess.run(
        [*DPAAS, "plan", "--json"],
        cwd=stage.directory,
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
        env=environment_of(None),
        timeout=60,
    )
    assert done.returncode == 141
    assert done.stderr == b""


def test_an_apply_goes_on_when_nobody_reads_it_any_more(stage: Stage) -> None:
    stage.options["latency_s"] = 0.3
    stage.write()
    running = stage.start("apply", "--auto-approve")
    assert running.stdout is not None
    assert running.stderr is not None
    for line in iter(running.stdout.readline, b""):
        if b"creating" in line:
            break
    running.stdout.close()
    running.wait(60)
    running.stderr.close()
    stage.options["latency_s"] = 0
    stage.write()
    stage.run("plan", "--detailed-exitcode")


def test_no_colour_goes_where_no_terminal_is(stage: Stage) -> None:
    assert "\x1b" not in stage.run("plan", environment={"TERM": "xterm-256color"}).stdout


def test_the_state_is_repaired_by_hand_after_a_backup(stage: Stage) -> None:
    stage.apply()
    done = stage.run("state", "rm", "secret.shop/SESSION_KEY", "--auto-approve")
    (backup,) = [path for path in stage.files() if "backups" in path.parts]
    assert str(backup.relative_to(stage.directory)) in done.stdout or str(backup) in done.stdout
    assert "secret.shop/SESSION_KEY" not in stage.run("state", "list").stdout
    stage.apply()
    stage.run("state", "mv", "secret.shop/SESSION_KEY", "secret.shop/KEY")
    assert "secret.shop/KEY" in stage.run("state", "list").stdout.split()


def test_a_move_that_a_region_could_not_follow_is_refused(stage: Stage) -> None:
    stage.apply()
    refused = stage.run("state", "mv", "addon.shop/DATABASE", "addon.shop/MAIN", expect=1).stderr
    assert "it would be lost" in refused
    stage.run("plan", "--detailed-exitcode")


def test_a_record_is_forgotten_only_with_consent(stage: Stage) -> None:
    stage.apply()
    assert "no-consent" in stage.run("state", "rm", "app.shop", expect=1).stderr
    assert "app.shop" in stage.run("state", "list").stdout.split()
