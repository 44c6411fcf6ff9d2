"""The main job on the local provider, through the command line, on real processes."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

from project import Project


def test_a_static_site_from_its_manifest_to_an_empty_plan_and_away_again(project: Project):
    site = project.directory / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>hello</h1>", encoding="utf-8")
    project.app("site", source={"path": "./site"}, formation={"web": {"size": "basic", "health": "/"}})
    project.apply()
    assert project.get("site") == (200, b"<h1>hello</h1>")
    assert project.get("site", "/missing")[0] == 404
    again = project.dpaas("plan", "--detailed-exitcode")
    assert "No changes" in again.stdout

    port = urlsplit(project.url("site")).port
    project.destroy()
    assert project.processes() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_what_a_person_does_to_a_running_app(echo: Project):
    echo.apply()
    dynos = {json.loads(echo.get("echo")[1])["dyno"] for _ in range(20)}
    assert dynos == {"web.1", "web.2"}

    # By host name too, as a browser would.
    web_url = urlsplit(echo.state("app.echo")["outputs"]["web_url"])
    assert web_url.hostname == "echo.localhost"

    # A config change is a new release, seen by new dynos.
    echo.app("echo", config={"GREETING": "good day"})
    plan = echo.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    assert 'GREETING: "hello" -> "good day"' in plan
    echo.apply()
    answer = json.loads(echo.get("echo")[1])
    assert (answer["greeting"], answer["release"]) == ("good day", "v2")
    assert echo.dpaas("config", "get", "echo", "GREETING").stdout.strip() == "good day"

    # Scaling starts one more and restarts none.
    before = {json.loads(echo.get("echo")[1])["pid"] for _ in range(20)}
    web = {**echo.apps["echo"]["formation"]["web"], "quantity": 3}
    echo.app("echo", formation={"web": web})
    echo.apply()
    after = {json.loads(echo.get("echo")[1])["pid"] for _ in range(40)}
    assert before < after
    assert len(after) == 3

    ps = echo.dpaas("ps", "echo").stdout
    assert [name in ps for name in ("web.1", "web.2", "web.3")] == [True, True, True]
    logs = echo.dpaas("logs", "echo", "--tail", "5000").stdout
    assert "app[web.1]: listening, version one" in logs
    assert 'heroku[router]: at=info method=GET path="/"' in logs

    run = echo.dpaas("run", "echo", "--", "sh", "-c", "echo greeting is $GREETING; exit 3", expect=3)
    assert "greeting is good day" in run.stdout

    releases = echo.dpaas("releases", "echo").stdout
    assert "v2" in releases
    assert "v1" in releases

    # Back to the first release: a new one, and a hold that every plan shows until the source changes.
    echo.dpaas("rollback", "echo", "1", "--auto-approve")
    answer = json.loads(echo.get("echo")[1])
    assert (answer["greeting"], answer["release"]) == ("hello", "v3")
    held = echo.dpaas("plan", "--detailed-exitcode")
    assert "held at release v1" in held.stderr
    server = echo.directory / "echo" / "server.py"
    server.write_text(server.read_text().replace('VERSION = "one"', 'VERSION = "two"'), encoding="utf-8")
    echo.apply()
    answer = json.loads(echo.get("echo")[1])
    assert (answer["version"], answer["greeting"], answer["release"]) == ("two", "good day", "v4")
    assert "held" not in echo.dpaas("plan", "--detailed-exitcode").stderr

    # Maintenance mode, and out of it again.
    echo.app("echo", maintenance=True)
    echo.apply()
    assert echo.get("echo")[0] == 503
    del echo.apps["echo"]["maintenance"]
    echo.write()
    echo.apply()
    assert echo.get("echo")[0] == 200


def test_a_domain_is_routed_by_its_host_name(echo: Project):
    echo.app("echo", domains=["shop.example.com"])
    echo.apply()
    app = echo.state("app.echo")["outputs"]
    router = urlsplit(app["web_url"]).port
    echo_by_host = _get(router, "shop.example.com")
    assert echo_by_host == 200
    assert _get(router, "nobody.example.com") == 404
    echo.app("echo", domains=[])
    echo.apply()
    assert _get(router, "shop.example.com") == 404


def test_down_stops_everything_and_an_apply_brings_it_back(echo: Project):
    echo.apply()
    echo.dpaas("down")
    assert echo.processes() == []
    plan = echo.dpaas("plan", "--detailed-exitcode", expect=2).stdout
    assert "the region's supervisor is not running" in plan
    echo.apply()
    assert echo.get("echo")[0] == 200
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout


def test_two_platforms_on_one_machine_do_not_meet(echo: Project):
    other = Project("other")
    try:
        other.copy_source("echo")
        other.app(
            "echo",
            source={"path": "./echo"},
            config={"GREETING": "from the other"},
            formation=echo.apps["echo"]["formation"],
        )
        echo.apply()
        other.apply()
        assert json.loads(echo.get("echo")[1])["greeting"] == "hello"
        assert json.loads(other.get("echo")[1])["greeting"] == "from the other"
        other.destroy()
        assert other.processes() == []
        assert json.loads(echo.get("echo")[1])["greeting"] == "hello"
    finally:
        other.close()


def _get(port: int | None, host: str) -> int:
    import http.client

    assert port is not None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
