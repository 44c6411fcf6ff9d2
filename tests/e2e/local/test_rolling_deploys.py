"""No request fails while a release is rolled out; a release that does not serve changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from load import Load
from project import Project

REQUESTS = 2000


def _edit(project: Project, before: str, after: str) -> None:
    server: Path = project.directory / "echo" / "server.py"
    text = server.read_text(encoding="utf-8")
    assert before in text
    server.write_text(text.replace(before, after), encoding="utf-8")


def test_no_request_fails_while_source_and_size_change(echo: Project):
    echo.apply()
    load = Load(urlsplit(echo.url("echo")).port or 0).start()
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


def test_the_same_load_does_fail_when_dynos_go_without_a_drain(echo: Project):
    echo.apply()
    load = Load(urlsplit(echo.url("echo")).port or 0).start()
    load.wait_for(300)
    for process in echo.processes():
        if "server.py" in " ".join(process.cmdline()):
            process.kill()
    load.wait_for(600, timeout_s=20)
    assert load.stop().failed != []


def test_a_release_that_never_binds_fails_with_r10_and_the_old_one_goes_on(echo: Project):
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


def test_a_health_check_that_never_passes_fails_the_release(echo: Project):
    echo.regions["us"]["options"]["health_timeout_s"] = 2
    echo.write()
    echo.apply()
    _edit(
        echo,
        '        if parts.path == "/slow":',
        '        if parts.path == "/healthz":\n            return self.send_error(500)\n'
        '        if parts.path == "/slow":',
    )
    failed = echo.apply(expect=1)
    assert "/healthz gives status 500" in failed.stdout + failed.stderr
    assert json.loads(echo.get("echo")[1])["release"] == "v1"


def test_a_release_phase_that_fails_leaves_the_old_release_serving(echo: Project):
    echo.apply()
    echo.app("echo", release="echo migrating; exit 7")
    failed = echo.apply(expect=1)
    shown = failed.stdout + failed.stderr
    assert "release command failed with exit status 7" in shown
    assert "migrating" in shown
    assert json.loads(echo.get("echo")[1])["release"] == "v1"
    echo.app("echo", release="echo migrating")
    echo.apply()
    assert json.loads(echo.get("echo")[1])["release"] == "v3"


def test_a_build_that_fails_shows_its_last_lines_and_changes_nothing(echo: Project):
    echo.apply()
    echo.app("echo", build="echo compiling; echo oh no; exit 2")
    failed = echo.apply(expect=1)
    shown = failed.stdout + failed.stderr
    assert "exited with status 2" in shown
    assert "oh no" in shown
    assert json.loads(echo.get("echo")[1])["release"] == "v1"


PYTHON_APP = """\
import http.server, itsdangerous, os
print("built with", itsdangerous.__version__, flush=True)
http.server.HTTPServer(("", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
NODE_APP = """\
const server = require("http").createServer((request, answer) => answer.end("from node"));
server.listen(process.env.PORT, () => console.log("built with npm"));
"""
SOURCES = {
    "python": {
        "requirements.txt": "itsdangerous==2.2.0\n",
        "app.py": PYTHON_APP,
        "Procfile": "web: exec python3 app.py\n",
    },
    "node": {
        "package.json": json.dumps({"name": "n", "version": "1.0.0", "scripts": {"start": "node server.js"}}),
        "server.js": NODE_APP,
    },
}


@pytest.mark.parametrize("language", sorted(SOURCES))
def test_python_and_node_sources_are_built_and_run(project: Project, language: str):
    source = project.directory / language
    source.mkdir()
    for name, text in SOURCES[language].items():
        (source / name).write_text(text, encoding="utf-8")
    project.app("built", source={"path": f"./{language}"}, formation={"web": {"size": "basic"}})
    project.apply()
    assert project.get("built")[0] == 200
    assert "built with" in project.dpaas("logs", "built").stdout
