"""Every mistake of a user ends in a diagnostic with its place, exit code 1, and nothing changed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from typing import Any

import pytest
from cli_case import DPAAS, SHOP, Stage, environment_of


def changed(**fields: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(SHOP)), **fields}


MISTAKES: dict[str, tuple[dict[str, dict[str, Any]], str, str]] = {
    "an unknown key": ({"shop": changed(regoin="us")}, "unknown-key", "region"),
    "a wrong type": ({"shop": changed(formation={"web": {"quantity": "many"}})}, "", "quantity"),
    "an unknown size": (
        {"shop": changed(formation={"web": {"command": "./serve", "size": "standard-3x"}})},
        "unknown-size",
        "standard-2x",
    ),
    "an unknown plan": ({"shop": changed(addons=[{"plan": "postgres:standrd-0", "as": "DB"}])}, "", "standard-0"),
    "an unknown region": ({"shop": changed(region="uss")}, "unknown-region", "us"),
    "a reference to no app": (
        {"shop": changed(config={"API": {"app": "shopp", "attribute": "url"}})},
        "unknown-app",
        "shop",
    ),
    "a reference cycle": (
        {
            "shop": changed(config={"A": {"app": "cart", "config": "B"}}),
            "cart": changed(config={"B": {"app": "shop", "config": "A"}}),
        },
        "reference-cycle",
        "circle",
    ),
    "a missing secret": (
        {"shop": changed(config={"TOKEN": {"secret": "shop/token"}})},
        "missing-secret",
        "secrets set",
    ),
    "a missing source": ({"shop": changed(source={"path": "./scr"})}, "source-missing", "src"),
    "a port as config": ({"shop": changed(config={"PORT": "80"})}, "reserved-key", "PORT"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_manifest_is_told_with_its_place(stage: Stage, name: str) -> None:
    apps, code, hint = MISTAKES[name]
    stage.apps = apps
    stage.write()
    for command in (["validate"], ["apply", "--auto-approve"]):
        told = stage.run(*command, expect=1).stderr
        first = told.splitlines()[0]
        file, line, column, *_ = first.split(":")
        assert file == "dpaas.yaml"
        assert int(line) > 1
        assert int(column) > 0
        assert f"[{code}]" in told if code else "error:" in first
        assert hint in told
        assert told.splitlines()[-1].endswith(("error", "errors"))
    assert stage.world.call("audit")["effects"] == 0


TEXTS: dict[str, bytes] = {
    "a tab": b"kind: App\n\tmetadata: {}\n",
    "an empty file": b"",
    "a bracket that is never closed": b"kind: [App\n",
    "not UTF-8": b"kind: App\nmetadata: {name: caf\xe9}\n",
    "an alias bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((n, n) + (n - 1,) * 9) for n in range(ord("b"), ord("k"))
    ),
    "ten megabytes": b"kind: App\n#" + b"x" * 10_000_000,
    "a NUL byte": b"kind: App\0\n",
    "two documents of one name": b"kind: App\nmetadata: {name: cart}\nspec: {region: us, source: {path: src}}\n---\n"
    b"kind: App\nmetadata: {name: cart}\nspec: {region: us, source: {path: src}}\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_no_manifest_is_told_with_its_place(stage: Stage, name: str) -> None:
    (stage.directory / "app.yaml").write_bytes(TEXTS[name])
    told = stage.run("plan", expect=1).stderr
    assert told.splitlines()[0].split(":")[0] == "app.yaml"
    assert told.splitlines()[0].split(":")[1].isdigit()
    assert len(told) < 5_000


def test_all_mistakes_are_told_at_once(stage: Stage) -> None:
    stage.apps = {"shop": changed(regoin="us"), "cart": changed(source={"path": "nowhere"}, qantity=1)}
    stage.write()
    told = stage.run("validate", expect=1).stderr
    assert "regoin" in told
    assert "qantity" in told
    assert told.splitlines()[-1] == "2 errors"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["pln"], "plan"),
        (["plan", "--detaild-exitcode"], "--detailed-exitcode"),
        (["plan", "--format"], "--format"),
        (["apply", "--parallelism", "none"], "integer"),
        (["apply", "--parallelism", "0"], "parallelism"),
        (["rollback", "shop", "last"], "v3"),
        (["state", "show"], "ADDR"),
        (["state", "shw"], "show"),
        (["run", "shop"], "CMD"),
        (["graph", "--format", "png"], "svg"),
    ],
)
def test_a_wrong_command_line_is_told_and_never_ends_with_2(stage: Stage, arguments: list[str], hint: str) -> None:
    told = stage.run(*arguments, expect=1)
    assert hint in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["plan", "-f", "dpas.yaml"], "no-such-file", "dpaas.yaml"),
        (["plan", "--env", "production"], "unknown-environment", "overlays"),
        (["plan", "--var", "novalue"], "variable-syntax", "NAME=VALUE"),
        (["plan", "--var", "x=1"], "", "x"),
        (["plan", "--target", "shopp"], "unknown-target", "shop"),
        (["plan", "--confirm", "database"], "bad-address", "TYPE.APP"),
        (["apply", "nothing.json"], "no-such-file", "nothing.json"),
        (["apply", "--json"], "no-consent", "--auto-approve"),
        (["logs", "shp"], "unknown-app", "shop"),
        (["config", "get", "shp", "KEY"], "unknown-app", "shop"),
        (["ps", "shop"], "nothing-runs", "memory"),
        (["rollback", "shop"], "nothing-runs", "memory"),
        (["down", "usa"], "unknown-region", "us"),
        (["secrets", "set", "@acme/x"], "bad-secret-name", "acme/x"),
        (["secrets", "set", "shop/x", "--from-env", "NO_SUCH_VARIABLE"], "no-value", "NO_SUCH_VARIABLE"),
        (["secrets", "set", "shop/x"], "no-value", "stdin"),
        (["secrets", "rm", "shop/x"], "unknown-secret", "shop/x"),
        (["state", "show", "app.shp"], "unknown-address", "app.shp"),
        (["init"], "file-exists", "dpaas.yaml"),
        (["init", "new", "--from", "app.jsn"], "unknown-origin", "app.json"),
        (["fmt", "nothing.yaml"], "no-such-file", "nothing.yaml"),
    ],
)
def test_a_wrong_argument_is_told_with_what_was_expected(
    stage: Stage, arguments: list[str], code: str, hint: str
) -> None:
    told = stage.run(*arguments, expect=1)
    assert f"[{code}]" in told.stderr if code else "error:" in told.stderr
    assert hint in told.stderr
    assert told.stdout == ""
    assert stage.world.call("audit")["effects"] == 0


def test_a_path_that_cannot_be_written_is_told(stage: Stage) -> None:
    told = stage.run("plan", "--out", "no/such/place/plan.json", expect=1).stderr
    assert "no/such/place/plan.json cannot be written: there is no directory no/such/place [unwritable-file]" in told


def test_a_full_disk_is_told(stage: Stage) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        told = subprocess.run(
            [*DPAAS, "plan"],
            cwd=stage.directory,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment_of(None),
            timeout=60,
        )
    assert told.returncode == 1
    assert told.stderr.decode().strip() == "error: No space left on device"


def state_file(stage: Stage) -> str:
    return str(stage.directory / ".dpaas" / "state.db")


def test_a_state_that_is_no_state_is_told_and_nothing_is_planned(stage: Stage) -> None:
    stage.apply()
    with open(state_file(stage), "wb") as file:
        file.write(b"this is not a database" * 100)
    for suffix in ("-wal", "-shm"):
        if os.path.exists(state_file(stage) + suffix):
            os.unlink(state_file(stage) + suffix)
    effects = stage.world.call("audit")["effects"]
    for command in (["plan"], ["apply", "--auto-approve"], ["status"]):
        assert stage.run(*command, expect=1).stderr.startswith("error: the state ")
    assert stage.world.call("audit")["effects"] == effects


def test_a_state_of_a_newer_version_is_told_and_left_alone(stage: Stage) -> None:
    stage.apply()
    connection = sqlite3.connect(state_file(stage))
    with connection:
        connection.execute("UPDATE meta SET value = '999' WHERE name = 'format'")
    connection.close()
    told = stage.run("plan", expect=1).stderr
    assert told.startswith("error: the state ")
    assert "999" in told


def test_an_unreachable_region_is_a_warning_and_deletes_nothing(stage: Stage) -> None:
    stage.apply()
    stage.world.call("set_unreachable", "no route to host")
    stage.apps.pop("shop")
    stage.apps["cart"] = changed(addons=[])
    stage.write()
    told = stage.run("plan", "--json")
    assert "region-unreachable" in told.stderr
    deleted = [item for item in json.loads(told.stdout)["changes"] if item["action"] == "delete"]
    assert {item["region"] for item in deleted} <= {"platform"}  # a generated secret, kept in the store anyway


def test_manifests_without_an_app_never_delete_everything(stage: Stage) -> None:
    stage.apply()
    stage.apps = {}
    stage.write()
    assert "empty-desired-state" in stage.apply(expect=1).stderr
    assert stage.world.call("audit")["things"] == 8 - 1  # the generated secret lives with us


def test_a_bug_is_told_without_its_message_which_may_hold_a_secret(stage: Stage) -> None:
    code = (
        "import sys\n"
        "from declarative_paas.cli import run\n"
        "def broken(*given): raise RuntimeError('hunter2')\n"
        "run.root_command = broken\n"
        "sys.exit(run.run(['plan']))\n"
    )
    quiet = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment_of(None))
    assert quiet.returncode == 70
    assert "internal error: RuntimeError at " in quiet.stderr
    assert "hunter2" not in quiet.stderr
    assert "Traceback" not in quiet.stderr
    debugging = environment_of({"DPAAS_DEBUG": "1"})
    loud = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=debugging)
    assert loud.returncode == 70
    assert "Traceback" in loud.stderr
