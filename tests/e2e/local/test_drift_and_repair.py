"""What breaks behind our back is named by a plan and repaired by an apply."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import psycopg
import pytest
from project import Project

from declarative_paas.providers.local.home import peek_run_directory


def _until(is_so: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    """Whether it became so in time: processes need a moment to be seen."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _supervisorctl(project: Project, *words: str) -> None:
    """As somebody with a shell would."""
    configuration = peek_run_directory(project.directory / ".dpaas") / "us" / "s" / "supervisord.conf"
    subprocess.run(
        [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(configuration), *words],
        check=True,
        capture_output=True,
    )


def _repaired(project: Project, *, names: str) -> None:
    """The plan names it, an apply repairs it, and the plan after is empty."""
    plan = project.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    assert names in plan, plan
    project.apply()
    after = project.dpaas("plan", "--detailed-exitcode")
    assert "No changes" in after.stdout


def _server_pids(project: Project) -> list[psutil.Process]:
    return [process for process in project.processes() if _words(process)[-1:] == ["server.py"]]


def _words(process: psutil.Process) -> list[str]:
    """Its command line; none of one that has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_dyno_that_keeps_crashing_is_named_and_started_again(echo: Project):
    echo.apply()
    victim = json.loads(echo.get("echo")[1])["dyno"]

    def crashed() -> bool:
        for process in _server_pids(echo):
            if process.environ().get("DYNO") == victim:
                process.kill()
        return f"{victim} is crashed" in echo.dpaas("plan").stdout

    # The first crash is made good at once; the second starts the back-off.
    assert _until(crashed)
    _repaired(echo, names=f"{victim} is crashed: exit status 137")
    assert {json.loads(echo.get("echo")[1])["dyno"] for _ in range(20)} == {"web.1", "web.2"}


def test_a_killed_dyno_comes_back_by_itself(echo: Project):
    echo.apply()
    before = _server_pids(echo)
    before[0].kill()
    assert _until(lambda: len(_server_pids(echo)) == 2 and before[0] not in _server_pids(echo))
    assert _until(lambda: "No changes" in echo.dpaas("plan").stdout)


def test_a_dyno_stopped_by_hand_is_named_and_started_again(echo: Project):
    echo.apply()
    specs = sorted((echo.directory / ".dpaas" / "regions" / "us" / "dynos").glob("*.json"))
    _supervisorctl(echo, "stop", specs[0].stem)
    _repaired(echo, names="web.1 is down")


def test_a_killed_router_comes_back_by_itself_with_its_routes(echo: Project):
    echo.apply()
    for process in echo.processes():
        if "haproxy.cfg" in " ".join(_words(process)):
            process.kill()
    assert _until(lambda: _answers(echo))
    assert "No changes" in echo.dpaas("plan").stdout


def test_a_router_stopped_by_hand_is_named_and_started_again(echo: Project):
    echo.apply()
    _supervisorctl(echo, "stop", "router")
    assert not _answers(echo)
    _repaired(echo, names="router is not running")
    assert _answers(echo)


def test_after_a_power_cut_an_apply_brings_everything_back(with_database: Project):
    project = with_database
    url = project.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (42)")
    project.kill_everything()
    assert project.processes() == []
    _repaired(project, names="the region's supervisor is not running")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
    assert _answers(project)


def test_a_role_dropped_by_hand_is_named_and_made_again_with_its_password(with_database: Project):
    project = with_database
    url = project.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    name = url.partition("://")[2].partition(":")[0]
    with _superuser(project) as connection:
        connection.execute(f'REASSIGN OWNED BY "{name}" TO dpaas_admin')
        connection.execute(f'ALTER DATABASE "{name}" OWNER TO dpaas_admin')
    with _superuser(project, name) as connection:
        connection.execute(f'DROP OWNED BY "{name}"')
        connection.execute(f'DROP ROLE "{name}"')
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    _repaired(project, names=f"role {name} is missing")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_database_server_stopped_by_hand_is_named_and_started_again(with_database: Project):
    project = with_database
    _supervisorctl(project, "stop", "postgres-18")
    _repaired(project, names="server postgres-18 is not running")


def test_a_slug_that_was_deleted_is_named_and_built_again(echo: Project):
    echo.apply()
    for path in (echo.directory / ".dpaas" / "regions" / "us" / "slugs").glob("*.tar.gz"):
        path.unlink()
    _repaired(echo, names="is missing")


@pytest.fixture
def with_database(echo: Project) -> Project:
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}])
    echo.apply()
    return echo


def _superuser(
    project: Project, database: str = "postgres"
) -> AbstractContextManager[psycopg.Connection[tuple[object, ...]]]:
    """As the platform itself connects."""
    from declarative_paas.providers.addons.postgres import PostgresServer
    from declarative_paas.vault.keyring import Keyring

    region: Path = project.directory / ".dpaas" / "regions" / "us"
    server = PostgresServer.load(
        region / "addons" / "servers" / "postgres-18",
        run_directory=peek_run_directory(project.directory / ".dpaas") / "us" / "a",
        user="nobody",
        keyring=Keyring.load(project.directory / ".dpaas" / "secret.key"),
    )
    assert server is not None
    return server.connect(database)


def _answers(project: Project) -> bool:
    try:
        return project.get("echo")[0] == 200
    except OSError:
        return False
