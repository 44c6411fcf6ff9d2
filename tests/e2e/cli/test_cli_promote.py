"""A fork whose data follows, by its commands: made, looked at, promoted; and moves whose end is saved to be applied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_case import Stage

SCOPE = "acme/default/main@us"
FORK = """\
kind: Fork
metadata: {name: by-hand}
spec:
  from: shop
  region: us
  data:
    DATABASE: follow  # for now
"""


@pytest.fixture
def following(stage: Stage) -> Stage:
    stage.apply()
    stage.world.write_row(SCOPE, "addon.shop/DATABASE", "order 1", "two mugs")
    (stage.directory / "fork.yaml").write_text(FORK)
    stage.apply()
    return stage


def manifest(stage: Stage) -> str:
    return (stage.directory / "fork.yaml").read_text()


def test_status_tells_how_far_behind_a_follower_is(following: Stage) -> None:
    told = following.run("fork", "status", "by-hand").stdout
    assert "streaming, 0 bytes behind" in told
    assert "1 the same" in told
    (found,) = json.loads(following.run("fork", "status", "--json").stdout)
    assert found["follower"] == {
        "promoted": False,
        "state": "streaming",
        "lag_bytes": 0,
        "lag_s": 0.0,
        "problem": None,
    }
    assert "Follows: DATABASE of by-hand, that of shop (us -> us): streaming" in following.run("status").stdout


def test_promote_changes_the_word_and_nothing_else_until_it_is_applied(following: Stage) -> None:
    told = following.run("promote", "by-hand").stdout
    assert "becomes by-hand's own" in told
    assert "PROMOTION" in told
    assert manifest(following) == FORK.replace("follow", "copy")
    assert following.world.data(SCOPE, "addon.by-hand/DATABASE")["follow"]["promoted"] is False
    following.apply()
    assert following.world.data(SCOPE, "addon.by-hand/DATABASE")["follow"]["promoted"] is True
    assert "No changes" in following.run("plan").stdout
    assert "promoted" in following.run("fork", "status").stdout


def test_promote_applies_when_it_is_asked_to(following: Stage) -> None:
    told = following.run("promote", "by-hand", "DATABASE", "--apply", "--auto-approve").stdout
    assert "1 promoted" in told
    assert "No changes" in following.run("plan").stdout


def test_a_promotion_that_is_refused_leaves_the_manifest_as_it_was(following: Stage) -> None:
    following.apps["shop"]["addons"] = []
    following.write()
    following.run("promote", "by-hand", expect=1)
    assert manifest(following) == FORK


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("shop",), "unknown-fork"),
        (("by-hnd",), "unknown-fork"),
        (("by-hand", "REDIS"), "follows-not"),
    ],
)
def test_what_follows_nothing_is_told(following: Stage, arguments: tuple[str, ...], code: str) -> None:
    assert f"[{code}]" in following.run("promote", *arguments, expect=1).stderr
    assert manifest(following) == FORK


def test_a_word_that_a_variable_says_is_left_to_whoever_wrote_it(following: Stage) -> None:
    platform = (following.directory / "dpaas.yaml").read_text()
    declared = platform.replace("spec:\n", "spec:\n  variables: {mode: {default: follow}}\n", 1)
    (following.directory / "dpaas.yaml").write_text(declared)
    by_variable = FORK.replace("follow  #", "${var.mode}  #")
    (following.directory / "fork.yaml").write_text(by_variable)
    told = following.run("promote", "by-hand", expect=1).stderr
    assert "[not-written-so]" in told
    assert manifest(following) == by_variable


def test_a_quoted_word_is_replaced_whole(following: Stage) -> None:
    (following.directory / "fork.yaml").write_text(FORK.replace("follow", '"follow"'))
    following.run("promote", "by-hand")
    assert manifest(following) == FORK.replace("follow", "copy")


def test_the_command_that_forks_can_make_a_follower(stage: Stage) -> None:
    stage.apply()
    told = stage.run("fork", "shop", "--region", "us", "--data", "DATABASE=follow").stdout
    assert "follows the source's" in told
    assert "DATABASE: follow" in Path(stage.directory / "shop-us.dpaas.yaml").read_text()
    stage.apply()
    assert "No changes" in stage.run("plan").stdout
