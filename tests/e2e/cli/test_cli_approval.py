"""Approved equals applied: the digest of a plan, the plan itself, and what is left of it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from cli_case import Stage

TWO = {"region": "us", "source": {"path": "./src"}, "formation": {"web": {"command": "./serve", "quantity": 1}}}


def digest_of(stage: Stage) -> str:
    plan: dict[str, Any] = json.loads(stage.run("plan", "--json").stdout)
    return str(plan["digest"])


def test_an_approved_digest_is_applied_without_a_question_and_another_plan_is_not(stage: Stage) -> None:
    digest = digest_of(stage)
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    refused = stage.run("apply", "--approved", digest, expect=1)
    assert "not what was approved" in refused.stderr
    assert stage.world.call("audit")["things"] == 0
    stage.run("apply", "--approved", digest_of(stage))
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    # Nothing to do needs no approval.
    stage.run("apply", "--approved", digest)


def test_the_digest_is_the_same_elsewhere_and_whatever_the_order_of_the_files_is(stage: Stage) -> None:
    stage.apps["api"] = dict(TWO)
    stage.write()
    first = digest_of(stage)
    stage.apps = dict(reversed(list(stage.apps.items())))
    stage.write()
    assert digest_of(stage) == first
    moved = stage.directory / "below"
    moved.mkdir()
    for name in ("dpaas.yaml", "src"):
        (stage.directory / name).rename(moved / name)
    stage.options["socket"] = "../world.sock"
    text = (moved / "dpaas.yaml").read_text().replace("world.sock", "../world.sock")
    (moved / "dpaas.yaml").write_text(text)
    assert json.loads(stage.run("plan", "--json", cwd=moved).stdout)["digest"] == first


def test_what_is_left_of_an_approved_plan_goes_on(stage: Stage) -> None:
    stage.apps["api"] = dict(TWO)
    stage.write()
    stage.run("plan", "--out", "approved.json")
    stage.world.call("fail_on", "release.api")
    stage.run("apply", "--approved", "approved.json", expect=1)
    rest = json.loads(stage.run("plan", "--json").stdout)
    assert {change["address"] for change in rest["changes"]} == {"release.api", "formation.api"}
    stage.run("apply", "approved.json", expect=1)  # strict, as ever
    stage.run("apply", "--approved", digest_of_file(stage), expect=1)  # a digest tells no rest
    stage.run("apply", "--approved", "approved.json")
    assert stage.run("plan", "--detailed-exitcode").returncode == 0


def digest_of_file(stage: Stage) -> str:
    return str(json.loads((stage.directory / "approved.json").read_text())["digest"])


def test_more_than_was_approved_is_refused_and_told_change_by_change(stage: Stage) -> None:
    stage.apply()
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    stage.run("plan", "--out", "approved.json")
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "trace"
    stage.apps["shop"]["formation"]["web"]["quantity"] = 5
    stage.apps["api"] = dict(TWO)
    stage.write()
    refused = stage.run("apply", "--approved", "approved.json", expect=1)
    assert "~ config.shop: what is asked for differs in vars.LOG_LEVEL" in refused.stderr
    assert "~ formation.shop: what is asked for differs in processes.web.quantity" in refused.stderr
    assert "+ app.api: create" in refused.stderr


def test_an_approved_change_that_is_neither_done_nor_so_already_is_missed(stage: Stage) -> None:
    stage.apply()
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.apps["api"] = dict(TWO)
    stage.write()
    stage.run("plan", "--out", "approved.json")
    del stage.apps["api"]
    stage.write()
    refused = stage.run("apply", "--approved", "approved.json", expect=1)
    assert "- app.api: create was approved; it is not in this plan, and not so already" in refused.stderr


def test_a_literal_is_not_taken_for_what_a_reference_was_approved_to_give(stage: Stage) -> None:
    stage.apps["api"] = {**TWO, "config": {"SHOP": {"app": "shop", "attribute": "url"}}}
    stage.write()
    stage.run("plan", "--out", "approved.json")
    stage.world.call("fail_on", "config.api")
    stage.run("apply", "--approved", "approved.json", expect=1)
    stage.apps["api"]["config"]["SHOP"] = "https://evil.example"
    stage.write()
    refused = stage.run("apply", "--approved", "approved.json", expect=1)
    assert "~ config.api: what is asked for differs in vars.SHOP" in refused.stderr
    stage.apps["api"]["config"]["SHOP"] = {"app": "shop", "attribute": "url"}
    stage.write()
    stage.run("apply", "--approved", "approved.json")


def test_what_changed_since_an_earlier_plan_is_told(stage: Stage) -> None:
    stage.apply()
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    stage.run("plan", "--out", "first.json")
    (stage.directory / "shown.json").write_text(stage.run("preview", "--format", "json").stdout)
    assert "nothing changed" in stage.run("plan", "--since", "first.json").stdout
    stage.apps["api"] = dict(TWO)
    stage.write()
    for earlier in ("first.json", "shown.json"):
        told = stage.run("plan", "--since", earlier).stdout
        assert f"Since {earlier}:" in told
        assert "+ app.api: create" in told
    stage.apps["shop"]["config"]["CODE"] = f"ghp_{'a1B2' * 9}"
    stage.write()
    (stage.directory / "masked.json").write_text(stage.run("preview", "--format", "json").stdout)
    stage.apps["shop"]["config"]["CODE"] = f"ghp_{'a1B3' * 9}"
    stage.write()
    masked = stage.run("plan", "--json", "--since", "masked.json")
    assert "only values that are masked here" in masked.stderr
    assert "Since " not in masked.stdout
    (stage.directory / "other.json").write_text('{"format": 99}')
    assert "plan format 99 is not 1" in stage.run("plan", "--since", "other.json", expect=1).stderr


def test_a_saved_plan_holds_for_its_commits_and_its_time_only(stage: Stage) -> None:
    def git(*arguments: str) -> str:
        name = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        done = subprocess.run(
            ["git", *name, *arguments], cwd=stage.directory, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "dpaas.yaml", "src")
    git("commit", "--quiet", "-m", "one")
    head = git("rev-parse", "HEAD")
    stage.run("plan", "--out", "saved.json", "--head", head, "--base", head, "--expires-in", "2h")
    saved = json.loads((stage.directory / "saved.json").read_text())
    assert saved["provenance"]["head"] == head
    git("commit", "--quiet", "--allow-empty", "-m", "two")
    refused = stage.run("apply", "saved.json", expect=1)
    assert f"it was made of commit {head}" in refused.stderr
    git("reset", "--quiet", "--hard", head)
    stage.run("apply", "saved.json")
    assert "no time that a plan holds" in stage.run("plan", "--expires-in", "soon", expect=1).stderr
