"""One-off dynos: captured, on pipes and on a terminal, with status, input, window and Ctrl-C; nothing left behind."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_case import Case
from docker_rig import DockerRig
from own_terminal import Terminal

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import inventory
from declarative_paas.providers.docker.engine.oneoff import run_captured

CHILD = Path(__file__).with_name("oneoff_child.py")


def command(rig: DockerRig, case: Case, mode: str, target: str, script: str) -> list[str]:
    return [sys.executable, str(CHILD), rig.us.url, mode, target, case.owner.platform, script]


@pytest.fixture
def box(case: Case) -> str:
    return case.listener("box", "bridge", 5000).name


@pytest.fixture(params=["run", "exec"])
def terminal(request: pytest.FixtureRequest, rig: DockerRig, case: Case, box: str) -> Iterator[Terminal]:
    """A shell on a terminal: in a one-off dyno, and in a running container."""
    target = case.server_slug().id if request.param == "run" else box
    found = Terminal(command(rig, case, request.param, target, "echo ready; exec sh"))
    try:
        yield found
    finally:
        found.close()


def test_output_is_captured_line_by_line_with_the_status_and_nothing_is_left(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "run.1", "echo one; echo two >&2; printf three; exit 5")
    lines: list[str] = []
    assert run_captured(case.engine, dyno, lines.append) == 5
    assert sorted(lines) == ["one", "three", "two"]
    assert inventory.containers(case.engine, inventory.place_of(case.owner)) == []


def test_a_one_off_that_takes_too_long_or_is_cancelled_is_ended(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "run.1", "sleep 100")
    with pytest.raises(ProviderError, match="did not end within 1 s") as late:
        run_captured(case.engine, dyno, print, timeout_s=1)
    with pytest.raises(ProviderError) as cancelled:
        run_captured(case.engine, dyno, print, cancelled=lambda: True)
    assert (late.value.kind, cancelled.value.kind) == (ErrorKind.FAILED, ErrorKind.CANCELLED)
    assert inventory.containers(case.engine, inventory.place_of(case.owner)) == []


@pytest.mark.parametrize("mode", ["run", "exec"])
def test_on_pipes_input_output_and_errors_are_the_commands(rig: DockerRig, case: Case, box: str, mode: str) -> None:
    target = case.server_slug().id if mode == "run" else box
    argv = command(rig, case, mode, target, "wc -c; echo apart >&2; exit 6")
    done = subprocess.run(argv, input=b"x" * 1_000_000, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (6, b"1000000", b"apart\n")


def test_a_terminal_is_one_inside_and_follows_the_window(terminal: Terminal) -> None:
    terminal.until("ready")
    terminal.type('test -t 0 && test -t 1 && echo a-term""inal; stty size\n')
    terminal.until("a-terminal")
    terminal.until("24 91")
    terminal.resize(30, 77)
    terminal.tell_of_resize()
    terminal.type("until stty size | grep 77; do sleep 0.1; done\n")
    terminal.until("30 77")
    terminal.type("exit 4\n")
    assert terminal.process.wait(30) == 4


def test_ctrl_c_interrupts_what_runs_inside_and_not_us(terminal: Terminal) -> None:
    terminal.until("ready")
    # Once it says so its trap is set: before, the key could come between two programs.
    terminal.type("""sh -c 'trap "echo inter""rupted; exit" INT; echo be""gun; while :; do sleep 0.1; done'\n""")
    terminal.until("begun")
    terminal.type("\x03")
    terminal.until("interrupted")
    terminal.type("exit 3\n")
    assert terminal.process.wait(30) == 3


def test_the_terminal_is_as_before_in_the_end(rig: DockerRig, case: Case, box: str) -> None:
    master, slave = pty.openpty()
    try:
        before = termios.tcgetattr(slave)
        argv = command(rig, case, "exec", box, "true")
        assert subprocess.run(argv, stdin=slave, stdout=slave, stderr=slave, timeout=60).returncode == 0
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)
