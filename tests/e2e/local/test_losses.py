"""What a lost file must never lead to: another database, another key, a region that nobody can end."""

from __future__ import annotations

import json
import shutil
import socket

import psycopg
from project import Project


def test_a_lost_state_never_switches_an_app_to_an_empty_database(echo: Project):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}])
    echo.apply()
    # A second life, so that a state begun anew counts its instances differently.
    echo.destroy("--confirm", "addon.echo/DATABASE")
    echo.apply()
    url = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    for path in (echo.directory / ".dpaas").glob("state.db*"):
        path.unlink()
    failed = echo.apply(expect=1)
    assert "already holds addon.echo/DATABASE" in failed.stdout + failed.stderr
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert json.loads(echo.get("echo")[1])["release"] == "v1"


def test_a_lost_key_is_never_replaced_by_a_new_one(echo: Project):
    echo.apply()
    key = echo.directory / ".dpaas" / "secret.key"
    kept = key.read_bytes()
    key.unlink()
    failed = echo.dpaas("plan", "--detailed-exitcode", expect=1)
    assert "secret.key is missing" in failed.stdout + failed.stderr
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout


def test_a_first_apply_that_failed_leaves_nothing_that_destroy_cannot_end(echo: Project):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        echo.regions["us"]["port"] = other.getsockname()[1]
        echo.write()
        echo.apply(expect=1)
        echo.destroy()
    assert echo.processes() == []


def test_dynos_whose_files_are_gone_are_named_and_started_again(echo: Project):
    echo.apply()
    shutil.rmtree(echo.directory / ".dpaas" / "regions" / "us" / "work")
    plan = echo.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    assert "web.1 has lost its files" in plan
    echo.apply()
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
    assert echo.get("echo")[0] == 200


def test_two_regions_cannot_have_one_port(echo: Project):
    echo.regions["us"]["port"] = 25111
    echo.regions["eu"] = {**echo.regions["us"], "jurisdiction": "EU"}
    echo.write()
    failed = echo.dpaas("plan", expect=1)
    assert "region us asks for port 25111, which region eu has" in failed.stderr
    assert "dpaas.yaml:" in failed.stderr


def test_a_saved_plan_whose_source_has_changed_is_refused_before_its_first_step(echo: Project):
    echo.apply()
    server = echo.directory / "echo" / "server.py"
    server.write_text(server.read_text() + "# reviewed\n", encoding="utf-8")
    echo.app("echo", config={"GREETING": "reviewed"})
    echo.dpaas("plan", "--out", "reviewed.json")
    server.write_text(server.read_text() + "# not reviewed\n", encoding="utf-8")
    refused = echo.dpaas("apply", "reviewed.json", expect=1)
    assert "the source of echo has changed" in refused.stdout + refused.stderr
    assert echo.state("config.echo")["attributes"] == {"vars": {"GREETING": "hello"}}
