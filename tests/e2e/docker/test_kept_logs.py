"""What `dpaas logs` tells of an app's dynos on an engine: the platform's errors, and those that are gone."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import yaml
from docker_project import DockerProject
from docker_rig import DockerRig
from project import DPAAS

SERVER = """
import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("said by release", os.environ["HEROKU_RELEASE_VERSION"], flush=True)
memory = []
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/take/"):
            memory.append(bytearray(int(self.path[6:]) * 2**20))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Answer).serve_forever()
"""
SIZE = {
    "tier": "standard",
    "memory_mb": 64,
    "memory_kill_mb": 128,
    "cpu_share": 1,
    "dedicated": False,
    "pids": 64,
    "price_monthly": 1,
}


class SmallDynos(DockerProject):
    """With a dyno size that a test can fill."""

    def write(self) -> None:
        super().write()
        path = self.directory / "dpaas.yaml"
        platform, *apps = yaml.safe_load_all(path.read_text())
        platform["spec"]["catalog"] = {"sizes": {"tiny": SIZE}}
        path.write_text(yaml.safe_dump_all([platform, *apps], sort_keys=False))


@pytest.fixture(scope="module")
def project(rig: DockerRig) -> Iterator[DockerProject]:
    """One app for all tests, in their order; each makes a release of its own."""
    found = SmallDynos(rig)
    try:
        del found.regions["eu"]
        found.regions["us"]["options"] |= {"stop_timeout_s": 2, "boot_timeout_s": 8, "drain_timeout_s": 2}
        source = found.directory / "site"
        source.mkdir()
        (source / "server.py").write_text(SERVER)
        found.app(
            "site",
            source={"path": "./site"},
            config={"STUBBORN": "yes"},
            release="echo migrated by $DYNO",
            formation={"web": {"command": "exec python3 server.py", "size": "tiny", "quantity": 1}},
        )
        found.apply()
        yield found
    finally:
        found.close()


def lines(project: DockerProject) -> list[str]:
    """Without their times, which are in order."""
    told = project.dpaas("logs", "site", "-n", "1500").stdout.splitlines()
    assert told == sorted(told)
    return [line.partition(" ")[2] for line in told]


def until(project: DockerProject, pattern: str, timeout_s: float = 40) -> list[str]:
    deadline = time.monotonic() + timeout_s
    while True:
        told = lines(project)
        if any(re.fullmatch(pattern, line) for line in told):
            return told
        assert time.monotonic() < deadline, "\n".join(told)
        time.sleep(0.5)


def in_order(told: Sequence[str], *wanted: str) -> None:
    """Each is there, after the one before it."""
    rest = iter(told)
    for line in wanted:
        assert line in rest, f"{line!r} is not there, or not after those before it:\n" + "\n".join(told)


def test_a_release_phase_s_lines_stay(project: DockerProject) -> None:
    told = lines(project)
    name = next(line for line in told if ": migrated by " in line).rpartition(" ")[2]
    assert name.startswith("release.")
    in_order(
        told,
        f"heroku[{name}]: Starting process with command `echo migrated by $DYNO`",
        f"app[{name}]: migrated by {name}",
        f"heroku[{name}]: Process exited with status 0",
        "heroku[web.1]: Starting process with command `exec python3 server.py`",
        "app[web.1]: said by release v1",
    )


def test_memory_over_the_quota_is_told_without_anybody_asking(project: DockerProject) -> None:
    project.get("site", "/take/80")
    told = until(project, r"heroku\[web\.1\]: Error R14 \(Memory quota exceeded\)")
    at = told.index("heroku[web.1]: Error R14 (Memory quota exceeded)")
    match = re.fullmatch(r"heroku\[web\.1\]: Process running mem=(\d+)M\((\d+)\.\d%\)", told[at - 1])
    assert match is not None and int(match[1]) > 64 and int(match[2]) > 100, told[at - 1]


def test_what_a_dyno_of_an_old_release_said_and_how_it_ended_stays(project: DockerProject) -> None:
    project.app("site", config={"STUBBORN": ""})
    project.apply()
    told = lines(project)
    in_order(
        told,
        "app[web.1]: said by release v1",
        "heroku[web.1]: Error R14 (Memory quota exceeded)",
        "app[web.1]: said by release v2",
        "heroku[web.1]: Stopping all processes with SIGTERM",
        "heroku[web.1]: Error R12 (Exit timeout) -> Process failed to exit within 2 seconds of SIGTERM",
        "heroku[web.1]: Stopping process with SIGKILL",
        "heroku[web.1]: Process exited with status 137",
    )
    assert told.count("heroku[web.1]: Process exited with status 137") == 1
    assert told.count("app[web.1]: said by release v1") == 1


def test_a_dyno_that_is_killed_for_its_memory_is_told_as_r15(project: DockerProject) -> None:
    with pytest.raises(OSError):  # the answer is cut off with the dyno
        status, _ = project.get("site", "/take/200")
        raise OSError(status)
    told = until(project, r"heroku\[web\.1\]: Error R15 \(Memory quota vastly exceeded\)")
    in_order(
        told,
        "app[web.1]: said by release v2",
        "heroku[web.1]: Error R15 (Memory quota vastly exceeded)",
        "app[web.1]: said by release v2",
    )


def test_a_release_that_did_not_boot_is_told_although_nothing_is_left_of_it(project: DockerProject) -> None:
    web = {"command": "echo about to sleep; exec sleep 100", "size": "tiny", "quantity": 1}
    project.app("site", formation={"web": web})
    assert "R10" in project.apply(expect=1).stderr
    in_order(
        lines(project),
        "heroku[web.1]: Starting process with command `echo about to sleep; exec sleep 100`",
        "app[web.1]: about to sleep",
        "heroku[web.1]: Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 8 seconds of launch",
        "heroku[web.1]: Stopping all processes with SIGTERM",
    )


def test_following_tells_the_platform_s_lines_and_of_dynos_that_come_and_go(project: DockerProject) -> None:
    came: list[str] = []
    wanted = {
        "heroku[web.1]: Starting process with command `exec python3 server.py`",
        "app[web.1]: said by release v3",
        "heroku[run.1]: Process exited with status 5",
        "heroku[web.1]: Error R14 (Memory quota exceeded)",
    }
    all_came = threading.Event()
    with subprocess.Popen(
        [DPAAS, "logs", "site", "-n", "0", "--follow"], cwd=project.directory, stdout=subprocess.PIPE, text=True
    ) as following:

        def read() -> None:
            assert following.stdout is not None
            for line in following.stdout:
                came.append(re.sub(r"\brun\.\d+\b", "run.1", line.rstrip("\n").partition(" ")[2]))
                if wanted <= set(came):
                    all_came.set()

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        try:
            # It follows as soon as it tells of a request.
            deadline = time.monotonic() + 30
            while not any("heroku[router]" in line for line in came):
                assert time.monotonic() < deadline
                project.get("site")
                time.sleep(0.3)
            web = {"command": "exec python3 server.py", "size": "tiny", "quantity": 1}
            project.app("site", config={"ANOTHER": "release"}, formation={"web": web})
            project.apply()
            project.dpaas("run", "site", "echo what a person reads; exit 5", expect=5)
            project.get("site", "/take/70")
            assert all_came.wait(40), f"{wanted - set(came)} did not come:\n" + "\n".join(came)
        finally:
            following.terminate()
    assert len([line for line in came if line == "app[web.1]: said by release v3"]) == 1


def test_what_a_person_read_in_a_one_off_dyno_is_in_no_log(project: DockerProject) -> None:
    told = lines(project)
    assert any(re.fullmatch(r"heroku\[run\.\d+\]: Process exited with status 5", line) for line in told)
    assert not any("app[run." in line for line in told)


def test_no_more_than_the_last_1500_lines_of_dynos_that_are_gone_are_kept(project: DockerProject) -> None:
    project.app("site", release="seq 2000")
    project.apply()
    told = lines(project)
    said = [line for line in told if "app[release." in line]
    assert said[-1].endswith(": 2000")
    assert 1300 < len(said) <= 1500
