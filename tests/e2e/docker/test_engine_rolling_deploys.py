"""On a real engine: no request fails while a release is rolled out; a release that does not serve changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from docker_project import DockerProject
from load import Load

REQUESTS = 2000


def _edit(project: DockerProject, before: str, after: str) -> None:
    server: Path = project.directory / "echo" / "server.py"
    text = server.read_text(encoding="utf-8")
    assert before in text
    server.write_text(text.replace(before, after), encoding="utf-8")


def test_no_request_fails_while_source_and_size_change(echo: DockerProject):
    echo.apply()
    where = urlsplit(echo.url("echo"))
    load = Load(where.port or 0, where.hostname or "").start()
    load.wait_for(REQUESTS // 4)
    _edit(echo, 'VERSION = "one"', 'VERSION = "two"')
    echo.apply()
    load.wait_for(REQUESTS // 2)
    web = {**echo.apps["echo"]["formation"]["web"], "size": "standard-2x"}
    echo.app("echo", formation={"web": web})
    echo.apply()
    load.wait_for(REQUESTS)
    outcome = load.stop()
    assert outcome.failed == []
    assert outcome.ok >= REQUESTS
    answer = json.loads(echo.get("echo")[1])
    assert (answer["version"], answer["release"]) == ("two", "v2")
    ps = echo.dpaas("ps", "echo").stdout
    assert ps.count("standard-2x") == 2
    assert "standard-1x" not in ps


def test_a_release_that_never_binds_fails_with_r10_and_the_old_one_goes_on(echo: DockerProject):
    echo.regions["us"]["options"]["boot_timeout_s"] = 3
    echo.write()
    echo.apply()
    _edit(
        echo,
        "    server = Server(",
        '    print("about to hang", flush=True)\n    time.sleep(1000)\n    server = Server(',
    )
    failed = echo.apply(expect=1)
    shown = failed.stdout + failed.stderr
    assert "R10" in shown
    assert "Web process failed to bind to $PORT within 3 seconds of launch" in shown
    assert "about to hang" in shown
    answer = json.loads(echo.get("echo")[1])
    assert (answer["version"], answer["release"]) == ("one", "v1")
    ps = echo.dpaas("ps", "echo").stdout
    assert ps.count(" v1 ") == 2
    assert " v2 " not in ps
    # Mended, the next apply goes through.
    _edit(echo, "    time.sleep(1000)\n", "")
    echo.apply()
    assert json.loads(echo.get("echo")[1])["release"] == "v3"
    # Back to the first release, as it was built then.
    echo.dpaas("rollback", "echo", "v1", "--auto-approve")
    answer = json.loads(echo.get("echo")[1])
    assert (answer["version"], answer["release"]) == ("one", "v4")


def test_a_dyno_that_crashes_at_boot_or_is_never_healthy_fails_the_release(echo: DockerProject):
    echo.regions["us"]["options"]["health_timeout_s"] = 4
    echo.write()
    echo.apply()
    _edit(echo, "    server = Server(", '    print("no", flush=True)\n    raise SystemExit(7)\n    server = Server(')
    failed = echo.apply(expect=1)
    shown = failed.stdout + failed.stderr
    assert "crashed with exit status 7" in shown
    assert "app[web.1]: no" in shown or "app[web.2]: no" in shown
    _edit(echo, '    print("no", flush=True)\n    raise SystemExit(7)\n', "")
    web = {**echo.apps["echo"]["formation"]["web"], "health": "/nowhere"}
    echo.app("echo", formation={"web": web}, config={"GREETING": "changed"})
    nowhere = 'if parts.path == "/nowhere":\n            return self.send_error(503)\n        '
    _edit(echo, 'if parts.path == "/slow":', nowhere + 'if parts.path == "/slow":')
    failed = echo.apply(expect=1)
    assert "did not get healthy within 4 s: /nowhere gives status 503" in failed.stdout + failed.stderr
    assert json.loads(echo.get("echo")[1])["greeting"] == "hello"


def test_a_release_phase_that_fails_changes_nothing_and_leaves_nothing(echo: DockerProject):
    echo.app("echo", release="echo migrating; exit 3")
    failed = echo.apply(expect=1)
    shown = failed.stdout + failed.stderr
    assert "release command failed with exit status 3" in shown
    assert "migrating" in shown
    left = [name for name in echo.left()["us"] if "release" in name]
    assert left == []


def test_maintenance_mode_answers_503_and_ends(echo: DockerProject):
    echo.apply()
    echo.app("echo", maintenance=True)
    echo.apply()
    assert echo.get("echo")[0] == 503
    echo.app("echo", maintenance=False)
    echo.apply()
    assert echo.get("echo")[0] == 200
