"""What a command is asked for by mistake, outside of the manifests' apps: refused with what would be right."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from cli_case import Stage

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.state import Intent
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow.lock import holder
from declarative_paas.workflow.world import SystemClock

OPTIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a word for a latency": ({"latency_s": "abc"}, "bad-option", "seconds"),
    "a list for a latency": ({"latency_s": [1]}, "bad-option", "seconds"),
    "a latency without an end": ({"latency_s": float("inf")}, "bad-option", "seconds"),
    "a word for a parallelism": ({"parallelism": "x"}, "bad-option", "whole number"),
    "no parallelism": ({"parallelism": 0}, "bad-option", "1 or above"),
    "an empty socket": ({"socket": ""}, "bad-option", "path"),
    "a list for a socket": ({"socket": ["a"]}, "bad-option", "path"),
    "an unknown option": ({"sockt": "world.sock"}, "unknown-option", "did you mean: socket"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_option_of_a_memory_region_is_told_with_its_place(stage: Stage, name: str) -> None:
    stage.options, code, hint = OPTIONS[name]
    stage.write()
    (key,) = stage.options
    lines = (stage.directory / "dpaas.yaml").read_text().splitlines()
    (line,) = [number for number, text in enumerate(lines, 1) if text.strip().startswith(f"{key}:")]
    for command in ("validate", "plan"):
        told = stage.run(command, expect=1)
        assert f"dpaas.yaml:{line}:" in told.stderr
        assert f"[{code}]" in told.stderr
        assert hint in told.stderr
        assert "outside" not in told.stdout


@pytest.mark.parametrize("place", ["src", "missing/plan.json"])
def test_where_no_plan_can_be_saved_is_told_before_one_is_made(stage: Stage, place: str) -> None:
    told = stage.run("plan", "--out", place, expect=1)
    assert told.stdout == ""
    assert place in told.stderr
    assert "[unwritable-file]" in told.stderr
    assert "expected: a file" in told.stderr
    assert ".tmp" not in told.stderr


@pytest.mark.parametrize("command", [["unhold"], ["fork", "status"]])
def test_an_app_that_nobody_knows_is_refused_with_the_nearest(stage: Stage, command: list[str]) -> None:
    told = stage.run(*command, "shopp", expect=1).stderr
    assert "[unknown-app]" in told
    assert "did you mean: shop" in told
    stage.run(*command, "shop")


def test_a_value_is_not_stored_under_the_address_of_a_generated_secret(stage: Stage) -> None:
    told = stage.run("secrets", "set", "secret.shop/NOPE", stdin="value", expect=1).stderr
    assert "[generated-secret]" in told
    assert "dpaas secrets rotate secret.shop/NOPE" in told
    assert "NOPE" not in stage.run("secrets", "list").stdout
    stage.run("secrets", "set", "shop/NOPE", stdin="value")


def test_a_move_of_an_app_with_too_short_a_name_says_how_long_names_are(stage: Stage) -> None:
    path = stage.directory / "dpaas.yaml"
    moved = "spec:\n  moved:\n  - {from: app.x, to: app.shop}\n"
    path.write_text(path.read_text().replace("spec:\n", moved, 1))
    assert "3 to 30" in stage.run("validate", expect=1).stderr


@contextmanager
def _an_apply(stage: Stage, name: str) -> Generator[None]:
    """Stands under the lock in the middle of making shop's add-on, as far as another command can tell."""
    scope, address = Scope("acme"), ResourceAddress.parse("addon.shop/DATABASE")
    (path,) = [file for file in stage.files() if file.name == "state.db"]
    key = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    with closing(SqliteStore(path, clock=SystemClock(), keyring=lambda: Keyring(key))) as store:
        lease = store.acquire(scope, name, 60)
        begun = Intent(
            step_id=f"create:{address}#i9", operation=Operation.CREATE, address=address, instance="i9", region="us"
        )
        store.commit(lease, intents=[begun])
        stage.world.put("acme@us", str(address), "i9", "key", {"plan": "postgres:standard-0"})
        yield


@pytest.mark.parametrize("command", ["plan", "preview"])
def test_what_a_running_apply_does_is_not_told_as_the_wreck_of_one(stage: Stage, command: str) -> None:
    addons = stage.apps["shop"].pop("addons")
    stage.write()
    stage.apply()
    stage.apps["shop"]["addons"] = addons
    stage.write()
    with _an_apply(stage, holder()):
        done = stage.run(command)
    told = done.stdout + done.stderr
    assert "apply-in-progress" in told
    assert f"(process {os.getpid()})" in told
    assert "interrupted" not in told
    assert "taken over" not in told


def test_what_a_dead_apply_left_is_told_as_that(stage: Stage) -> None:
    addons = stage.apps["shop"].pop("addons")
    stage.write()
    stage.apply()
    stage.apps["shop"]["addons"] = addons
    stage.write()
    with _an_apply(stage, holder().replace(f"(process {os.getpid()},", "(process 4194304,")):
        done = stage.run("plan")
    assert "apply-in-progress" not in done.stdout + done.stderr
    assert "interrupted apply" in done.stdout
