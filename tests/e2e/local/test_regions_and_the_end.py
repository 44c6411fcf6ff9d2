"""Two regions side by side, data that needs a confirmation, and nothing left afterwards."""

from __future__ import annotations

import json
import socket
import subprocess

import psycopg
from project import Project

from declarative_paas.providers.local.home import peek_run_directory


def test_us_and_eu_run_at_once_and_share_nothing(echo: Project):
    echo.regions["eu"] = {**echo.regions["us"], "jurisdiction": "EU"}
    database = [{"plan": "postgres:standard-0", "as": "DATABASE"}]
    echo.app("echo", addons=database)
    echo.app("echo-eu", **{**echo.apps["echo"], "region": "eu", "config": {"GREETING": "guten Tag"}})
    echo.apply()
    assert json.loads(echo.get("echo")[1])["greeting"] == "hello"
    assert json.loads(echo.get("echo-eu")[1])["greeting"] == "guten Tag"

    run = peek_run_directory(echo.directory / ".dpaas")
    supervisors = {(run / region / "s" / "supervisord.pid").read_text() for region in ("us", "eu")}
    assert len(supervisors) == 2
    routers = {
        process.pid
        for process in echo.processes()
        if "haproxy.cfg" in " ".join(process.cmdline()) and "-W" in process.cmdline()
    }
    assert len(routers) >= 2
    identifiers: set[str] = set()
    for app in ("echo", "echo-eu"):
        url = echo.dpaas("config", "get", app, "DATABASE_URL").stdout.strip()
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
            assert row is not None
            identifiers.add(str(row[0]))
    assert len(identifiers) == 2

    # One region's end leaves the other alone.
    echo.dpaas("down", "eu")
    assert echo.get("echo")[0] == 200


def test_a_database_is_only_destroyed_when_it_is_named(echo: Project):
    echo.app(
        "echo",
        addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}, {"plan": "redis:premium-0", "as": "REDIS"}],
    )
    echo.apply()
    url = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    ports = {int(url.rpartition(":")[2].partition("/")[0]), int(echo.url("echo").rpartition(":")[2])}

    refused = echo.destroy(expect=1)
    assert "--confirm addon.echo/DATABASE" in refused.stdout + refused.stderr
    assert "--confirm addon.echo/REDIS" in refused.stdout + refused.stderr
    assert echo.get("echo")[0] == 200

    # The same holds when the add-on only leaves the manifest.
    echo.app("echo", addons=[{"plan": "redis:premium-0", "as": "REDIS"}])
    refused = echo.apply(expect=1)
    assert "--confirm addon.echo/DATABASE" in refused.stdout + refused.stderr
    with psycopg.connect(url):
        pass
    echo.apply("--confirm", "addon.echo/DATABASE")
    assert echo.get("echo")[0] == 200
    assert "DATABASE_URL" not in json.loads(echo.get("echo")[1])["environment"]

    echo.destroy("--confirm", "addon.echo/REDIS")
    assert echo.processes() == []
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(echo.directory) not in shown
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_plan_change_keeps_the_data_and_the_url(echo: Project):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}])
    echo.apply()
    url = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    echo.app("echo", addons=[{"plan": "postgres:standard-2", "as": "DATABASE"}])
    plan = echo.dpaas("plan").stdout
    assert 'plan: "standard-0" -> "standard-2"' in plan
    echo.apply()
    assert echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout


def test_a_shared_add_on_is_the_owner_s_and_reaches_both(echo: Project):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}])
    guest = {**echo.apps["echo"], "addons": [{"attach": "echo/DATABASE", "as": "SHARED"}]}
    echo.app("guest", **guest)
    echo.apply()
    owner = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    assert echo.dpaas("config", "get", "guest", "SHARED_URL").stdout.strip() == owner


def test_psql_runs_as_the_app_s_own_role(echo: Project):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}])
    echo.apply()
    shown = echo.dpaas("pg", "psql", "echo", "--", "--tuples-only", "--command", "SELECT 6 * 7").stdout
    assert shown.strip() == "42"


def test_a_port_that_is_somebody_else_s_is_told_and_nothing_is_harmed(echo: Project):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        echo.regions["us"]["port"] = port
        echo.write()
        failed = echo.apply(expect=1)
        assert f"port {port} of region us is in use by another program" in failed.stdout + failed.stderr
    echo.apply()
    assert echo.get("echo")[0] == 200


def test_memory_over_the_quota_is_logged_and_over_the_limit_kills(echo: Project):
    echo.app("echo", formation={"web": {**echo.apps["echo"]["formation"]["web"], "quantity": 1}})
    echo.apply()
    echo.get("echo", "/hog?mb=700")
    _wait_for_log(echo, "Error R14 (Memory quota exceeded)")
    echo.get("echo", "/hog?mb=1200")
    log = _wait_for_log(echo, "Error R15 (Memory quota vastly exceeded)")
    assert "Process running mem=" in log


def _wait_for_log(project: Project, text: str) -> str:
    import time

    for _ in range(60):
        log = project.dpaas("logs", "echo", "--tail", "5000").stdout
        if text in log:
            return log
        time.sleep(0.5)
    raise AssertionError(f"{text!r} was not logged:\n{log}")
