"""An app that gets another name goes on as it is: its data, its releases, its dynos, and who asks it meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from load import Load
from project import DPAAS, Project

DOMAIN = "www.example.com"


def by_domain(port: int) -> int:
    """The status of one request to the region's router, as a browser sends it that was told the app's own domain."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": DOMAIN})
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def asked_all_the_time(port: int) -> Generator[list[int]]:
    """The statuses of requests by domain, one after the other, while the body runs."""
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            statuses.append(by_domain(port))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def answers(project: Project, app: str) -> set[tuple[str, int, str]]:
    """Which dynos answer: name, process and release."""
    found = [json.loads(project.get(app)[1]) for _ in range(20)]
    return {(item["dyno"], item["pid"], item["release"]) for item in found}


def test_a_renamed_app_goes_on_running_with_its_data_and_nobody_notices(echo: Project):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}], domains=[DOMAIN])
    echo.apply()
    url = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    before = answers(echo, "echo")
    router = urlsplit(echo.state("app.echo")["outputs"]["web_url"]).port
    own = urlsplit(echo.url("echo")).port
    assert router and own
    echo.rename("echo", "store")
    plan = echo.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    assert "create" not in plan.splitlines()[0]
    assert "delete" not in plan.splitlines()[0]
    load = Load(own).start()
    with asked_all_the_time(router) as statuses:
        echo.apply()
    outcome = load.stop()
    assert (outcome.failed, set(statuses)) == ([], {200})
    assert outcome.ok > 100
    assert answers(echo, "store") == before
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
    assert echo.state("app.store")["outputs"]["host"] == "store.localhost"
    assert by_domain(router) == 200
    assert echo.dpaas("config", "get", "store", "DATABASE_URL").stdout.strip() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert "app[web.1]" in echo.dpaas("logs", "store", "--tail", "200").stdout
    assert "web.1" in echo.dpaas("ps", "store").stdout

    # Its releases go on counting, and its old name is another app's.
    echo.app("store", config={"GREETING": "still me"})
    echo.moved = []
    echo.app("echo", **{name: value for name, value in echo.apps["store"].items() if name not in ("addons", "domains")})
    echo.apply()
    assert json.loads(echo.get("store")[1])["release"] == "v2"
    assert {release for _, _, release in answers(echo, "echo")} == {"v1"}
    assert echo.url("echo") != echo.url("store")

    # A lost state is made again from what runs, and a plan has nothing to add to it.
    for path in (echo.directory / ".dpaas").glob("state.db*"):
        path.unlink()
    echo.dpaas("import", "--all", "--auto-approve")
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
    echo.destroy("--confirm", "addon.store/DATABASE")
    assert echo.processes() == []


def test_a_renaming_that_is_killed_at_any_time_is_finished_by_the_next_apply(echo: Project):
    echo.app("echo", addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}], domains=[DOMAIN])
    echo.apply()
    url = echo.dpaas("config", "get", "echo", "DATABASE_URL").stdout.strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    before = answers(echo, "echo")
    router = urlsplit(echo.state("app.echo")["outputs"]["web_url"]).port
    assert router
    old, new = "echo", "store"
    started = time.monotonic()
    echo.rename(old, new)
    echo.apply()
    whole_s = time.monotonic() - started
    for number in range(5):
        old, new = new, old
        echo.rename(old, new)
        # The first third of an apply is Python's start and the plan: kills there prove little.
        after_s = whole_s * (0.35 + 0.65 * number / 5)
        with asked_all_the_time(router) as statuses:
            process = subprocess.Popen(
                [DPAAS, "apply", "--auto-approve"], cwd=echo.directory, stdout=subprocess.DEVNULL
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after_s)
            process.kill()
            process.wait()
            echo.apply()
        assert set(statuses) == {200}
        assert answers(echo, new) == before
        assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
        assert echo.dpaas("config", "get", new, "DATABASE_URL").stdout.strip() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
