"""`dpaas run` on an engine: a terminal as on one's own machine, and an end whichever way it comes."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from docker_project import DockerProject
from docker_rig import DockerRig
from own_terminal import Terminal
from project import DPAAS

from declarative_paas.providers.docker.engine.connection import Engine

# Says when its trap is set: a signal before that would end the shell itself.
WAITS = "trap 'echo interrupted; exit 7' INT; trap 'echo ending; exit 8' TERM; echo begun; while :; do sleep 0.1; done"


@pytest.fixture(scope="module")
def project(rig: DockerRig) -> Iterator[DockerProject]:
    """A worker, so that there is a release; its tests change nothing of it."""
    found = DockerProject(rig)
    try:
        del found.regions["eu"]
        found.copy_source("echo")
        worker = {"command": "exec sleep 3600", "size": "standard-1x", "quantity": 1}
        found.app("echo", source={"path": "./echo"}, formation={"worker": worker})
        found.apply()
        yield found
    finally:
        found.close()


def one_offs(engine: Engine, project: DockerProject) -> list[str]:
    mine = {"label": [f"dpaas.platform={project.name}", "dpaas.role=oneoff"]}
    return [item["Names"][0].lstrip("/") for item in engine.api.containers(all=True, filters=mine)]


def test_a_terminal_s_kind_window_and_keys_are_those_of_the_caller_and_its_status_the_command_s(
    project: DockerProject, engine: Engine
) -> None:
    terminal = Terminal([DPAAS, "run", "echo", "sh"], cwd=project.directory, environment={"TERM": "xterm-256color"})
    try:
        # Before there is a dyno to read it.
        terminal.type("test -t 0 && echo $TERM; stty size\n")
        terminal.until("xterm-256color")
        terminal.until("24 91")
        terminal.resize(30, 77)
        terminal.tell_of_resize()
        terminal.type("until stty size | grep 77; do sleep 0.1; done\n")
        terminal.until("30 77")
        terminal.type("""sh -c 'trap "echo inter""rupted; exit" INT; echo be""gun; while :; do sleep 0.1; done'\n""")
        terminal.until("begun")
        terminal.type("\x03")
        terminal.until("interrupted")
        terminal.type("exit 4\n")
        assert terminal.process.wait(30) == 4
    finally:
        terminal.close()
    assert one_offs(engine, project) == []


@pytest.mark.parametrize(
    ("sent", "said", "status"), [(signal.SIGINT, "interrupted\n", 7), (signal.SIGTERM, "ending\n", 8)]
)
def test_without_a_terminal_a_signal_to_the_command_is_the_dyno_s(
    project: DockerProject, engine: Engine, sent: signal.Signals, said: str, status: int
) -> None:
    with subprocess.Popen(
        [DPAAS, "run", "echo", WAITS],
        cwd=project.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "begun\n"
            running.send_signal(sent)
            assert running.wait(30) == status
            assert running.stdout.read() == said
        finally:
            running.kill()
    assert one_offs(engine, project) == []


def test_what_a_killed_command_left_of_its_dyno_is_a_leftover_once_it_has_ended(
    project: DockerProject, engine: Engine
) -> None:
    with subprocess.Popen(
        [DPAAS, "run", "echo", "echo begun; cat"],
        cwd=project.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        running.kill()
    (name,) = one_offs(engine, project)
    # Its input ended with the command, and so does it.
    engine.api.wait(name, timeout=30)
    deadline = time.monotonic() + 20
    while name not in (told := project.dpaas("gc").stdout):
        assert time.monotonic() < deadline, told
    assert "a one-off dyno that has ended" in told
    project.dpaas("gc", "--prune")
    assert one_offs(engine, project) == []
