"""What a person does to an app that runs in containers: ps, logs, run, psql, config, backups."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from docker_project import DockerProject, echo_project
from docker_rig import DockerRig
from project import DPAAS

from declarative_paas.providers.docker.engine.labels import place
from declarative_paas.providers.docker.keeping import read_archive


@pytest.fixture(scope="module")
def echo(rig: DockerRig) -> Iterator[DockerProject]:
    """Applied once for all: nothing here changes it."""
    project = echo_project(rig)
    try:
        project.app(
            "echo",
            config={"GREETING": "hello"},
            addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}, {"plan": "redis:premium-0", "as": "REDIS"}],
        )
        project.apply()
        yield project
    finally:
        project.close()


def test_ps_shows_each_dyno_with_its_memory_and_command(echo: DockerProject):
    rows = [line.split() for line in echo.dpaas("ps", "echo").stdout.splitlines()[1:]]
    assert [row[1:5] for row in rows] == [[f"web.{number}", "up", "v1", "standard-1x"] for number in (1, 2)]
    assert all(float(row[5]) > 1 and row[6] == "MB" for row in rows)
    assert all("server.py" in row[-1] for row in rows)


def test_logs_tell_of_dynos_router_and_platform_in_the_order_of_time(echo: DockerProject):
    echo.get("echo", "/seen")
    lines = echo.dpaas("logs", "echo", "-n", "1000").stdout.splitlines()
    assert lines == sorted(lines)
    text = "\n".join(lines)
    assert "heroku[web.1]: Starting process with command `exec python3 server.py`" in text
    assert "app[web.1]: listening, version one" in text
    assert 'heroku[router]: at=info method=GET path="/seen"' in text


def test_logs_follow_what_comes(echo: DockerProject):
    with subprocess.Popen(
        [DPAAS, "logs", "echo", "-n", "0", "--follow"], cwd=echo.directory, stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        came = threading.Event()

        def read() -> None:
            for line in following.stdout or ():
                if "/followed" in line and "app[web" in line:
                    came.set()
                    return

        threading.Thread(target=read, daemon=True).start()
        try:
            for _ in range(100):
                echo.get("echo", "/followed")
                if came.wait(0.2):
                    break
            assert came.is_set()
        finally:
            following.terminate()


def test_run_is_a_dyno_of_its_own_that_passes_input_output_and_status_on(echo: DockerProject):
    done = echo.dpaas("run", "echo", "cat; echo $GREETING; exit 5", expect=5, stdin="from here\n")
    assert done.stdout == "from here\nhello\n"
    assert not [name for name in echo.left()["us"] if "run" in name]


def test_run_has_a_terminal_where_the_caller_has_one(echo: DockerProject):
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [DPAAS, "run", "echo", "test -t 0 && test -t 1 && echo it is a terminal; stty size"],
            cwd=echo.directory,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.wait(60) == 0
        assert b"it is a terminal" in os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_dyno_reaches_its_own_add_ons(echo: DockerProject):
    command = (
        "python3 - <<'E'\n"
        "import os, socket\nfrom urllib.parse import urlsplit\n"
        "for name in ('DATABASE_URL', 'REDIS_URL'):\n"
        "    url = urlsplit(os.environ[name])\n"
        "    socket.create_connection((url.hostname, url.port), 10).close()\n"
        "    print(name, 'reached')\nE"
    )
    assert echo.dpaas("run", "echo", command).stdout == "DATABASE_URL reached\nREDIS_URL reached\n"


def test_psql_and_a_backup_that_is_restored(echo: DockerProject):
    def psql(statement: str) -> str:
        return echo.dpaas("pg", "psql", "echo", "--", "-Atc", statement).stdout.strip()

    psql("CREATE TABLE kept (number integer); INSERT INTO kept VALUES (42)")
    assert psql("SELECT number FROM kept") == "42"
    backup = echo.dpaas("pg", "backup", "echo").stdout
    name = next(word for word in backup.split() if word.startswith("echo-DATABASE-")).rstrip(".,:")
    psql("UPDATE kept SET number = 7")
    echo.dpaas("pg", "restore", name, "--to", "echo", "--confirm", "addon.echo/DATABASE")
    assert psql("SELECT number FROM kept") == "42"


def test_config_shows_what_the_release_runs_with(echo: DockerProject):
    assert echo.dpaas("config", "get", "echo", "GREETING").stdout == "hello\n"
    assert echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.startswith("postgres")


def test_no_password_is_in_clear_in_the_records_or_in_a_label(echo: DockerProject, rig: DockerRig):
    urls = [echo.dpaas("config", "get", "echo", name).stdout.strip() for name in ("DATABASE_URL", "REDIS_URL")]
    passwords = [urlsplit(url).password or "" for url in urls]
    assert all(len(password) > 20 for password in passwords)
    with rig.us.open() as engine:
        files = read_archive(engine, f"dpaas-{place(echo.name, 'us')}-keeper", "/records")
        containers: Any = engine.api.containers(all=True, filters={"label": [f"dpaas.platform={echo.name}"]})
    assert len(files) > 8
    kept = "".join(files.values()) + json.dumps([item["Labels"] for item in containers])
    assert not any(password in kept for password in passwords)
