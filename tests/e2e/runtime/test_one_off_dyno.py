"""One-off dynos: `dpaas run` and the release phase."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from region_case import PYTHON, SECRET, Region, eventually

from declarative_paas.providers.runtime import oneoff
from declarative_paas.providers.runtime.spec import DynoSpec

CHECKOUT = str(Path(__file__).parents[3])
FOREGROUND = (
    "import sys; from pathlib import Path\n"
    "from declarative_paas.providers.runtime.oneoff import run_foreground\n"
    "from declarative_paas.providers.runtime.spec import DynoSpec\n"
    "sys.exit(run_foreground(DynoSpec.load(Path(sys.argv[1]))))\n"
)


def one_off(region: Region, command: str, kind: str = "run", **fields: object) -> DynoSpec:
    name = oneoff.one_off_name(kind)
    status = region.home / "status" / f"{name}.json"
    return region.spec(command, name=name, process_type=kind, id=f"{region.base.name}-{name}", status=status, **fields)


def foreground(region: Region, spec: DynoSpec) -> list[str]:
    spec.save(region.spec_file(spec))
    return [sys.executable, "-c", FOREGROUND, str(region.spec_file(spec))]


def variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([CHECKOUT, *sys.path]), "TERM": "xterm"}


def test_a_one_off_dyno_has_a_name_of_four_digits() -> None:
    assert re.fullmatch(r"run\.[1-9]\d{3}", oneoff.one_off_name())
    assert re.fullmatch(r"release\.[1-9]\d{3}", oneoff.one_off_name("release"))


def test_a_foreground_dyno_has_our_streams_and_gives_its_exit_status(region: Region) -> None:
    spec = one_off(region, 'cat; echo "$DYNO $SECRET"; echo trouble >&2; exit 7')
    done = subprocess.run(foreground(region, spec), input=b"hello\n", capture_output=True, env=variables())
    assert done.stdout.decode() == f"hello\n{spec.name} {SECRET}\n"
    assert done.stderr == b"trouble\n"
    assert done.returncode == 7
    lines = region.lines()
    assert lines[-2:] == [
        f"heroku[{spec.name}]: Process exited with status 7",
        f"heroku[{spec.name}]: State changed from up to complete",
    ]
    assert not any(line.startswith("app[") for line in lines)
    assert not any(SECRET in line for line in lines)
    assert list(spec.working_root.iterdir()) == []
    assert not spec.status.exists()


def test_at_a_terminal_the_dyno_has_a_terminal_of_its_own_and_ctrl_c_reaches_it(region: Region) -> None:
    spec = one_off(region, "test -t 0 && tty && exec sleep 600")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, foreground(region, spec), variables())
    shown = b""
    while b"/dev/pts/" not in shown:
        shown += os.read(terminal, 1024)
    time.sleep(0.2)
    os.write(terminal, b"\x03")
    with pytest.raises(OSError, match="Input/output error"):
        while True:
            shown += os.read(terminal, 1024)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert list(spec.working_root.iterdir()) == []


def test_a_one_off_dyno_ends_with_its_killed_command(region: Region) -> None:
    spec = one_off(region, "echo up; exec sleep 600")
    command = subprocess.Popen(foreground(region, spec), stdout=subprocess.PIPE, env=variables())
    assert command.stdout is not None
    assert command.stdout.readline() == b"up\n"
    command.kill()
    command.wait()
    command.stdout.close()
    region.logged(f"heroku[{spec.name}]: State changed from up to complete")
    eventually(lambda: region.processes() == [], "nothing left")
    assert list(spec.working_root.iterdir()) == []


def test_a_captured_dyno_is_logged_and_every_line_is_told(region: Region) -> None:
    spec = one_off(region, "echo migrating; echo done >&2; printf partial; exit 3", "release")
    lines: list[str] = []
    assert oneoff.run_captured(spec, lines.append) == 3
    assert lines == ["migrating", "done", "partial"]
    assert [line for line in region.lines() if line.startswith("app[")] == [
        f"app[{spec.name}]: {line}" for line in lines
    ]


def test_captured_dynos_run_side_by_side_in_threads(region: Region) -> None:
    specs = [one_off(region, f"sleep 0.2; echo {number}; exit {number}") for number in range(4)]
    specs = [replace(spec, id=f"{spec.id}-{number}") for number, spec in enumerate(specs)]
    results: dict[int, tuple[int, list[str]]] = {}

    def run(number: int) -> None:
        lines: list[str] = []
        results[number] = (oneoff.run_captured(specs[number], lines.append), lines)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: (number, [str(number)]) for number in range(4)}


def test_a_release_phase_that_takes_too_long_is_stopped(region: Region) -> None:
    spec = one_off(region, f"{PYTHON} stubborn.py", "release", stop_timeout_s=0.3)
    lines: list[str] = []
    assert oneoff.run_captured(spec, lines.append, timeout_s=1.0) == oneoff.TIMED_OUT
    assert lines == ["ready"]
    assert any("Error R12" in line for line in region.lines())
    assert region.processes() == []


def test_a_caller_who_gives_up_leaves_no_dyno(region: Region) -> None:
    def give_up(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt, match="up"):
        oneoff.run_captured(one_off(region, "echo up; exec sleep 600"), give_up)
    assert region.processes() == []


def test_a_one_off_dyno_over_its_limit_is_killed(region: Region) -> None:
    spec = one_off(region, f"exec {PYTHON} hoard.py 96", memory_mb=32, memory_kill_mb=64)
    assert oneoff.run_captured(spec, print) == 137
    assert f"heroku[{spec.name}]: Error R15 (Memory quota vastly exceeded)" in region.lines()


def test_a_one_off_dyno_that_cannot_start_says_why(region: Region) -> None:
    region.slug.write_bytes(b"not an archive")
    lines: list[str] = []
    assert oneoff.run_captured(one_off(region, "true"), lines.append) == oneoff.CANNOT_START
    assert "cannot extract the slug" in lines[0]


def test_sigterm_to_the_command_stops_the_dyno(region: Region) -> None:
    spec = one_off(region, f"exec {PYTHON} tidy.py")
    command = subprocess.Popen(foreground(region, spec), stdout=subprocess.PIPE, env=variables())
    assert command.stdout is not None
    assert command.stdout.readline() == b"ready\n"
    command.send_signal(signal.SIGTERM)
    assert command.stdout.read() == b"tidied up\n"
    command.stdout.close()
    command.wait()
    eventually(lambda: region.processes() == [], "nothing left")
