"""`dpaas fork`: the manifest it writes, what it refuses without writing one, undo and status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_case import Stage
from jsonschema import Draft202012Validator

PLAN_SCHEMA = Path(__file__).parents[3] / "schemas" / "plan.schema.json"
CONFIRMED = ("--confirm", "addon.shop-us/DATABASE")
FORK = "kind: Fork\nmetadata: {name: by-hand}\nspec: {from: shop, region: us, data: {DATABASE: copy}}\n"


def files(stage: Stage) -> list[str]:
    return sorted(path.name for path in stage.directory.glob("*.yaml"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("fork", "shop", "--region", "us"),
        ("fork", "--region", "us", "shop"),
        ("fork", "make", "shop", "--region", "us"),
    ],
)
def test_make_may_be_left_out_and_options_may_come_first(stage: Stage, arguments: tuple[str, ...]) -> None:
    stage.apply()
    told = stage.run(*arguments).stdout
    assert "shop-us, of shop: in us, beside it" in told
    assert "Nothing is applied yet" in told
    assert files(stage) == ["dpaas.yaml", "shop-us.dpaas.yaml"]
    stage.apply()
    assert "No changes" in stage.run("plan").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ship", "--region", "us"), "unknown-app"),
        (("shop", "--region", "mars"), "unknown-region"),
        (("shop", "--region", "us", "--to", "shop"), "name-taken"),
        (("shop", "--region", "us", "--to", "No Name"), "bad-name"),
        (("shop", "--region", "us", "--data", "REDIS=copy"), "unknown-in-source"),
        (("shop", "--region", "us", "--data", "DATABASE=move"), "invalid-choice"),
        (("shop", "--region", "us", "--data", "DATABASE"), "bad-option"),
        (("shop", "--region", "us", "--domain", "a.example.com=b.example.com"), "unknown-domain"),
        (("shop", "--region", "us", "--data", "DATABASE=follows"), "invalid-choice"),
    ],
)
def test_what_cannot_be_forked_is_told_and_nothing_is_written(
    stage: Stage, arguments: tuple[str, ...], code: str
) -> None:
    assert f"[{code}]" in stage.run("fork", *arguments, expect=1).stderr
    assert files(stage) == ["dpaas.yaml"]


def test_a_source_that_does_not_answer_is_told_with_the_copy_that_needs_it(stage: Stage) -> None:
    stage.apply()
    (stage.directory / "fork.yaml").write_text(FORK)
    stage.world.call("set_unreachable", "the cable is cut")
    told = stage.run("plan")
    assert "its size is not known: it does not answer" in told.stdout
    assert "the data of addon.shop/DATABASE cannot be looked at: the cable is cut [fork-source-silent]" in told.stderr
    stage.apply(expect=1)
    stage.world.call("set_unreachable", "")
    assert not any("by-hand" in address for address in stage.world.call("audit")["addresses"])
    stage.apply()
    assert "No changes" in stage.run("plan").stdout


def test_the_json_of_a_plan_with_a_fork_is_as_its_schema_says(stage: Stage) -> None:
    stage.apply()
    (stage.directory / "fork.yaml").write_text(FORK)
    found = json.loads(stage.run("plan", "--json").stdout)
    Draft202012Validator(json.loads(PLAN_SCHEMA.read_text())).validate(found)
    assert [fork["fork"] for fork in found["forks"]] == ["by-hand"]
    assert found["forks"][0]["addons"][0]["size_bytes"] == 0


def test_a_saved_plan_of_a_fork_is_applied_as_it_was_reviewed(stage: Stage) -> None:
    stage.apply()
    stage.world.write_row("acme/default/main@us", "addon.shop/DATABASE", "order 1", "two mugs")
    (stage.directory / "fork.yaml").write_text(FORK)
    stage.run("plan", "--out", "plan.json")
    stage.run("apply", "plan.json")
    (copy,) = json.loads(stage.run("fork", "status", "by-hand", "--json").stdout)
    assert (copy["source"], copy["rows"], copy["verification"][0]["name"]) == ("shop", 1, "order 1")
    assert "1 the same" in stage.run("fork", "status").stdout
    assert "Copied: DATABASE of by-hand from shop (us -> us), 1 rows" in stage.run("status").stdout


def test_a_source_removed_while_it_has_forks_is_told_at_the_fork(stage: Stage) -> None:
    (stage.directory / "fork.yaml").write_text(FORK)
    stage.apply()
    del stage.apps["shop"]
    stage.write()
    told = stage.run("plan", expect=1).stderr
    assert "fork.yaml:3" in told
    assert "[unknown-app]" in told


def test_undo_asks_for_the_data_and_removes_the_manifest_it_wrote(stage: Stage) -> None:
    stage.apply()
    stage.run("fork", "shop", "--region", "us", "--apply", "--auto-approve")
    before = stage.world.call("audit")["addresses"]
    assert "[unconfirmed-data-loss]" in stage.run("fork", "undo", "shop-us", "--auto-approve", expect=1).stderr
    assert "[no-consent]" in stage.run("fork", "undo", "shop-us", *CONFIRMED, expect=1).stderr
    assert stage.world.call("audit")["addresses"] == before
    assert files(stage) == ["dpaas.yaml", "shop-us.dpaas.yaml"]
    stage.run("fork", "undo", "shop-us", "--auto-approve", *CONFIRMED)
    assert files(stage) == ["dpaas.yaml"]
    assert not any("shop-us" in address for address in stage.world.call("audit")["addresses"])
    assert "No changes" in stage.run("plan").stdout


def test_undo_of_what_was_never_applied_only_removes_the_manifest(stage: Stage) -> None:
    stage.apply()
    stage.run("fork", "shop", "--region", "us")
    before = stage.world.call("audit")
    stage.run("fork", "undo", "shop-us", "--auto-approve")
    assert files(stage) == ["dpaas.yaml"]
    assert stage.world.call("audit") == before


def test_a_file_that_declares_more_than_the_fork_is_left_and_told(stage: Stage) -> None:
    stage.apply()
    other = "kind: App\nmetadata: {name: other}\nspec: {region: us, source: {path: ./src}}\n"
    (stage.directory / "both.yaml").write_text(f"{FORK}---\n{other}")
    stage.apply()
    told = stage.run("fork", "undo", "by-hand", "--auto-approve", "--confirm", "addon.by-hand/DATABASE").stdout
    assert "declares more than by-hand: take its Fork out" in told
    assert files(stage) == ["both.yaml", "dpaas.yaml"]


def test_a_fork_that_another_app_uses_is_not_undone(stage: Stage) -> None:
    (stage.directory / "fork.yaml").write_text(FORK)
    stage.apps["reader"] = {
        "region": "us",
        "source": {"path": "./src"},
        "addons": [{"attach": "by-hand/DATABASE", "as": "SHOP"}],
    }
    stage.write()
    stage.apply()
    told = stage.run("fork", "undo", "by-hand", "--auto-approve", "--confirm", "addon.by-hand/DATABASE", expect=1)
    assert "reader would lose what by-hand gives [fork-in-use]" in told.stderr
    assert files(stage) == ["dpaas.yaml", "fork.yaml"]
