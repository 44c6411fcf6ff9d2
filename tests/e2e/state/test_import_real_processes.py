"""`dpaas import` on real processes: the state is lost, and nothing that runs notices."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

sys.path.append(str(Path(__file__).parents[1] / "local"))
from project import Project

CONFIRMED = ("--confirm", "addon.echo/DATABASE")


@pytest.fixture
def echo() -> Iterator[Project]:
    """A web dyno, a database, a generated secret, one that a person stored, and a credential from outside."""
    made = Project()
    try:
        made.copy_source("echo")
        made.app(
            "echo",
            source={"path": "./echo"},
            config={"GREETING": "hello", "SESSION_KEY": {"generate": 40}, "TOKEN": {"secret": "echo/token"}},
            formation={"web": {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1}},
            addons=[
                {"plan": "postgres:standard-0", "as": "DATABASE"},
                {"plan": "papertrail:choklad", "as": "LOGS", "credentials": {"secret": "echo/logs"}},
            ],
            domains=["www.example.com"],
        )
        for name in ("echo/token", "echo/logs"):
            made.dpaas("secrets", "set", name, stdin=f"value of {name}")
        made.apply()
        yield made
    finally:
        made.close()


@pytest.fixture
def lean() -> Iterator[Project]:
    """A web dyno and nothing else."""
    made = Project()
    try:
        made.copy_source("echo")
        web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1}
        made.app("echo", source={"path": "./echo"}, config={"GREETING": "hello"}, formation={"web": web})
        made.apply()
        yield made
    finally:
        made.close()


def lose_the_state(project: Project) -> None:
    for path in (project.directory / ".dpaas").glob("state.db*"):
        path.unlink()


def records(project: Project) -> dict[str, dict[str, Any]]:
    found = json.loads(project.dpaas("state", "pull").stdout)["resources"]
    # The instance of what is in no region is chosen anew; so are versions of secrets, which count from 1.
    return {item["address"]: {**item, "instance": None, "attributes": None, "outputs": None} for item in found}


def test_a_lost_state_is_recorded_again_data_secrets_and_processes_as_they_were(echo: Project) -> None:
    url = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    key = echo.dpaas("config", "get", "echo", "SESSION_KEY").stdout.strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    before, pids = records(echo), {process.pid for process in echo.processes()}
    lose_the_state(echo)
    done = echo.dpaas("import", "--all", "--auto-approve")
    assert "A plan of it changes nothing." in done.stdout, done.stdout + done.stderr
    assert not done.stderr
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
    assert records(echo) == before
    assert {process.pid for process in echo.processes()} >= pids
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    listed = echo.dpaas("secrets", "list").stdout
    assert "echo/token" in listed
    assert "echo/logs" in listed
    # What was lost is there to be used again: a release with the same generated key and the same credentials.
    echo.app("echo", config={**echo.apps["echo"]["config"], "GREETING": "good day"})
    echo.apply()
    assert json.loads(echo.get("echo")[1])["release"] == "v2"
    for name, value in (("SESSION_KEY", key), ("TOKEN", "value of echo/token"), ("DATABASE_URL", url)):
        assert echo.dpaas("config", "get", "echo", name).stdout.strip() == value
    echo.destroy(*CONFIRMED)
    assert echo.processes() == []


def test_an_app_without_a_manifest_gets_one_and_its_platform_another_name(echo: Project) -> None:
    pids = {process.pid for process in echo.processes()}
    spec = json.loads(json.dumps(echo.apps.pop("echo")))
    echo.name = "renamed"
    echo.write()
    lose_the_state(echo)
    done = echo.dpaas("import", "--app", "echo", "--from-scope", "acme", "--auto-approve")
    assert "A plan of it changes nothing." in done.stdout, done.stdout + done.stderr
    written = yaml.safe_load((echo.directory / "imported.yaml").read_text())["spec"]
    for addon in written["addons"]:
        addon.pop("version", None)
    assert written["formation"]["web"] == spec["formation"]["web"]
    assert {name: written[name] for name in ("config", "addons", "domains", "source")} == {
        name: spec[name] for name in ("config", "addons", "domains", "source")
    }
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
    assert {process.pid for process in echo.processes()} >= pids
    echo.destroy(*CONFIRMED)
    assert echo.processes() == []


def test_what_runs_for_another_environment_is_not_taken_over(lean: Project) -> None:
    (lean.directory / "overlays" / "staging").mkdir(parents=True)
    refused = lean.dpaas("import", "--app", "echo", "--env", "staging", "--auto-approve", expect=1)
    assert "echo is acme/default/main's" in refused.stderr
    lose_the_state(lean)
    before = lean.dpaas("state", "list").stdout
    refused = lean.dpaas(
        "import", "--app", "echo", "--env", "staging", "--from-scope", "acme/default", "--auto-approve", expect=1
    )
    assert "carries the environment's name" in refused.stderr
    assert lean.dpaas("state", "list").stdout == before
    lean.dpaas("import", "--all", "--auto-approve")
    assert "No changes" in lean.dpaas("plan", "--detailed-exitcode").stdout


def test_an_app_that_a_rollback_holds_is_held_again(lean: Project) -> None:
    (lean.directory / "echo" / "greeting.txt").write_text("second")
    lean.apply()
    lean.dpaas("rollback", "echo", "v1", "--auto-approve")
    assert "echo is held at release v1" in lean.dpaas("plan").stderr
    lose_the_state(lean)
    done = lean.dpaas("import", "--all", "--auto-approve")
    assert "A plan of it changes nothing." in done.stdout, done.stdout + done.stderr
    plan = lean.dpaas("plan", "--detailed-exitcode")
    assert "echo is held at release v1" in plan.stderr
    assert json.loads(lean.get("echo")[1])["release"] == "v3"
