"""One dyno under its runner: booting, crashing, quotas, stopping, and what is left when a runner is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from region_case import PYTHON, SECRET, Region, eventually, free_port

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.runtime.backoff import Backoff
from declarative_paas.providers.runtime.programs import ProgramState
from declarative_paas.providers.runtime.spec import DynoSpec
from declarative_paas.providers.runtime.status import read_status


def web(region: Region, command: str, port: int, **fields: object) -> DynoSpec:
    status = region.home / "status" / "web.1.json"
    return region.spec(command, name="web.1", process_type="web", port=port, status=status, **fields)


def rss_mb(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def test_a_web_dyno_is_up_once_it_has_bound_its_port(region: Region) -> None:
    port = free_port()
    spec = web(region, f"exec {PYTHON} serve.py", port)
    region.start(spec)
    status = region.status(spec, "up")
    with socket.create_connection(("127.0.0.1", port)):
        pass
    assert status.port == port
    lines = region.lines()
    assert lines[:3] == [
        "heroku[web.1]: State changed from down to starting",
        f"heroku[web.1]: Starting process with command `exec {PYTHON} serve.py`",
        "heroku[web.1]: State changed from starting to up",
    ]


def test_a_runner_stays_small(region: Region) -> None:
    spec = region.spec("sleep 600")
    region.start(spec)
    assert rss_mb(region.status(spec, "up").runner_pid) < 25


def test_each_dyno_runs_as_its_user_with_its_variables_in_its_own_home(region: Region) -> None:
    command = (
        'echo "$DYNO|$SECRET|$HOME|$PWD|$(id -un)|$(umask)|${SUPERVISOR_ENABLED-none}"; touch "$TMPDIR/x"; sleep 600'
    )
    spec = region.spec(command)
    region.start(spec)
    (said,) = [line for line in region.logged("app[worker.1]: ") if line.startswith("app[worker.1]: ")]
    user = "nobody" if os.geteuid() == 0 else subprocess.check_output(["id", "-un"], text=True).strip()
    assert said == f"app[worker.1]: worker.1|{SECRET}|{spec.home}|{spec.home}|{user}|0022|none"
    assert spec.home.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_any_file_or_argument_list(region: Region) -> None:
    port = free_port()
    spec = web(region, f"{PYTHON} serve.py", port)
    region.start(spec)
    status = region.status(spec, "up")
    assert f"SECRET={SECRET}".encode() in processes.environment(status.pid or 0)
    files = [path for path in region.base.rglob("*") if path.is_file()]
    assert region.spec_file(spec) in files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert [pid for pid in region.processes() if any(SECRET in word for word in processes.command_line(pid))] == []
    runner = processes.environment(status.runner_pid)
    assert not any(SECRET.encode() in pair for pair in runner)


def test_output_is_logged_line_by_line_the_last_partial_one_too(region: Region) -> None:
    spec = region.spec("echo one; echo two >&2; printf 'a\\377b\\n'; printf 'no end'")
    region.start(spec)
    lines = [line for line in region.logged("Process exited", 2) if line.startswith("app[")]
    assert lines[:4] == [f"app[worker.1]: {text}" for text in ("one", "two", "a\ufffdb", "no end")]


def test_any_exit_is_a_crash_restarted_at_once_and_then_with_back_off(region: Region) -> None:
    spec = region.spec("exit 0")
    region.start(spec)
    region.logged("State changed from starting to up", 2)
    region.logged("Process exited with status 0", 2)
    status = eventually(
        lambda: (found := read_status(spec.status)) and found.state == "crashed" and found.crashes == 2 and found,
        "crashed twice",
    )
    assert status.next_start_at is not None
    assert status.next_start_at > status.since
    assert status.exit_code == 0
    assert [line.removeprefix("heroku[worker.1]: ") for line in region.lines()] == [
        "State changed from down to starting",
        "Starting process with command `exit 0`",
        "State changed from starting to up",
        "Process exited with status 0",
        "State changed from up to crashed",
        "State changed from crashed to starting",
        "Starting process with command `exit 0`",
        "State changed from starting to up",
        "Process exited with status 0",
        "State changed from up to crashed",
    ]


def test_a_crashed_dyno_starts_again_when_its_time_has_come(region: Region) -> None:
    spec = region.spec("exit 3", backoff=Backoff(first_s=0.2, factor=1, ceiling_s=0.2))
    region.start(spec)
    region.logged("Process exited with status 3", 4)


def test_a_dyno_that_was_up_for_long_crashes_for_the_first_time_again(region: Region) -> None:
    spec = region.spec("exit 3", backoff=Backoff(first_s=120, reset_after_s=0))
    region.start(spec)
    region.logged("Process exited with status 3", 4)


def test_a_new_release_of_a_crashed_dyno_starts_at_once(region: Region) -> None:
    spec = region.spec("exit 1")
    region.start(spec)
    region.logged("Process exited with status 1", 2)
    region.supervisor.remove(region.program(spec))
    region.start(replace(spec, command="sleep 600", release=2))
    assert region.status(spec, "up").release == 2


def test_a_web_dyno_that_never_binds_is_killed_with_r10(region: Region) -> None:
    spec = web(region, "sleep 600", free_port(), boot_timeout_s=0.5)
    region.start(spec)
    lines = region.logged("State changed from starting to crashed")
    start = lines.index(
        "heroku[web.1]: Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 0.5 seconds of launch"
    )
    assert lines[start + 1 : start + 4] == [
        "heroku[web.1]: Stopping process with SIGKILL",
        "heroku[web.1]: Process exited with status 137",
        "heroku[web.1]: State changed from starting to crashed",
    ]
    region.logged("Error R10", 2)
    assert eventually(lambda: read_status(spec.status), "status").error == "R10"


def test_another_programs_listener_on_the_port_does_not_make_a_dyno_up(region: Region) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        spec = web(region, "sleep 600", foreign.getsockname()[1], boot_timeout_s=1.0)
        region.start(spec)
        region.logged("Error R10")
    assert not any("to up" in line for line in region.lines())


def test_a_dyno_that_ends_on_sigterm_is_stopped_quietly(region: Region) -> None:
    spec = region.spec(f"true && {PYTHON} tidy.py")
    region.start(spec)
    region.logged("app[worker.1]: ready")
    region.supervisor.remove(region.program(spec))
    lines = region.lines()
    assert "app[worker.1]: tidied up" in lines
    assert "heroku[worker.1]: Stopping all processes with SIGTERM" in lines
    assert lines[-1] == "heroku[worker.1]: State changed from up to down"
    assert not any("R12" in line for line in lines)
    assert region.status(spec, "down").pid is None
    assert list(spec.working_root.iterdir()) == []


def test_a_dyno_that_ignores_sigterm_is_killed_with_r12(region: Region) -> None:
    spec = region.spec(f"{PYTHON} stubborn.py", stop_timeout_s=0.5)
    region.start(spec)
    region.logged("app[worker.1]: ready")
    region.supervisor.remove(region.program(spec))
    assert [line.removeprefix("heroku[worker.1]: ") for line in region.lines()][-5:] == [
        "Stopping all processes with SIGTERM",
        "Error R12 (Exit timeout) -> Process failed to exit within 0.5 seconds of SIGTERM",
        "Stopping process with SIGKILL",
        "Process exited with status 137",
        "State changed from up to down",
    ]


def test_a_shutdown_that_may_not_wait_leaves_no_process_of_a_stubborn_dyno(region: Region) -> None:
    spec = region.spec(f"setsid {PYTHON} stubborn.py & {PYTHON} stubborn.py", stop_timeout_s=600)
    region.start(spec)
    region.logged("app[worker.1]: ready", 2)
    region.supervisor.shutdown(timeout_s=0.3)
    assert region.processes() == []


def test_memory_over_the_quota_is_logged_and_the_dyno_lives(region: Region) -> None:
    spec = region.spec(f"{PYTHON} hoard.py 64", memory_mb=32, memory_kill_mb=512, metrics_interval_s=1.0)
    region.start(spec)
    lines = region.logged("heroku[worker.1]: Error R14 (Memory quota exceeded)")
    (mem,) = [line for line in lines if "Process running mem=" in line]
    percent = float(mem.split("(")[1].removesuffix("%)"))
    assert 200 < percent < 300
    region.logged("sample#memory_quota=32.00MB")
    region.logged("sample#load_avg_1m=")
    status = eventually(lambda: (found := read_status(spec.status)) and found.error and found, "error in status")
    assert (status.state, status.error) == ("up", "R14")
    assert status.memory_mb > 64


def test_memory_over_the_limit_kills_with_r15_and_137(region: Region) -> None:
    spec = region.spec(f"{PYTHON} hoard.py 96", memory_mb=32, memory_kill_mb=64)
    region.start(spec)
    lines = region.logged("Process exited with status 137")
    start = lines.index("heroku[worker.1]: Error R15 (Memory quota vastly exceeded)")
    assert "Process running mem=" in lines[start - 1]
    assert lines[start + 1 : start + 3] == [
        "heroku[worker.1]: Stopping process with SIGKILL",
        "heroku[worker.1]: Process exited with status 137",
    ]


def test_memory_shared_by_forked_workers_counts_once(region: Region) -> None:
    fork = "import os,time; x=b'x'*(48<<20); [os.fork() or time.sleep(600) for _ in range(3)]; time.sleep(600)"
    spec = region.spec(f'{PYTHON} -c "{fork}"', memory_mb=128, memory_kill_mb=512, metrics_interval_s=2.0)
    region.start(spec)
    lines = region.logged("sample#memory_total=", 2)
    total = float(lines[-1].split("sample#memory_total=")[1].split("MB")[0])
    assert 48 < total < 128


def test_a_killed_runner_leaves_no_orphan_and_comes_back(region: Region) -> None:
    # The inner process is in a session of its own: no process group and no dying parent reaches it.
    spec = region.spec("setsid sleep 601 & exec sleep 602")
    region.start(spec)
    before = region.status(spec, "up")

    def sleepers() -> list[int]:
        return [pid for pid in region.processes() if processes.command_line(pid)[:1] == ["sleep"]]

    old = eventually(lambda: (found := sleepers()) and len(found) == 2 and found, "two processes")
    # Longer up than supervisord calls a failed start, so that it starts the runner again at once.
    region.supervisor.wait_state(region.program(spec), {ProgramState.RUNNING}, 10)
    os.kill(before.runner_pid, signal.SIGKILL)
    after = eventually(
        lambda: (
            (found := read_status(spec.status))
            and found.state == "up"
            and found.runner_pid != before.runner_pid
            and found
        ),
        "a new runner",
    )
    eventually(lambda: len(sleepers()) == 2, "two processes again")
    assert not set(old) & set(sleepers())
    assert after.pid != before.pid


def test_the_status_of_a_killed_runner_is_down(region: Region) -> None:
    spec = region.spec("sleep 600")
    region.start(spec)
    status = region.status(spec, "up")
    supervisord = region.supervisor.pid()
    assert supervisord is not None
    os.kill(supervisord, signal.SIGKILL)
    os.kill(status.runner_pid, signal.SIGKILL)
    assert region.status(spec, "down").pid is None
    eventually(lambda: status.pid is not None and not processes.is_alive(status.pid), "its command gone")


def test_a_dyno_cannot_hide_a_process_from_its_end(region: Region) -> None:
    spec = region.spec("setsid sh -c 'sleep 603 & exec sleep 604' & sleep 0.3")
    region.start(spec)
    region.logged("Process exited with status 0", 2)
    eventually(
        lambda: not [pid for pid in region.processes() if processes.command_line(pid)[:1] == ["sleep"]],
        "no process left",
    )


def test_each_start_has_a_fresh_file_system(region: Region) -> None:
    command = (
        "ls serve.py precious 2>/dev/null; echo x > precious; rm serve.py; "
        "mkdir -p ro/deep; touch ro/deep/f; chmod -R a-w ro"
    )
    spec = region.spec(command)
    region.start(spec)
    lines = [line for line in region.logged("Process exited", 2) if line.startswith("app[")]
    assert lines == ["app[worker.1]: serve.py"] * 2
    region.supervisor.remove(region.program(spec))
    assert list(spec.working_root.iterdir()) == []


def test_sigusr1_restarts_a_dyno_now(region: Region) -> None:
    spec = region.spec("sleep 600")
    region.start(spec)
    before = region.status(spec, "up")
    region.supervisor.signal(region.program(spec), signal.SIGUSR1)
    eventually(lambda: (found := read_status(spec.status)) and found.state == "up" and found.pid != before.pid, "again")
    assert eventually(lambda: read_status(spec.status), "status").runner_pid == before.runner_pid
    assert "heroku[worker.1]: State changed from up to starting" in region.lines()
    assert not any("crashed" in line for line in region.lines())


@pytest.mark.parametrize(
    ("broken", "said"),
    [("slug", "cannot extract the slug"), ("environment", "is not a sealed text"), ("user", "there is no user")],
)
def test_a_dyno_that_cannot_start_says_why_and_counts_as_crashed(region: Region, broken: str, said: str) -> None:
    spec = region.spec("sleep 600")
    match broken:
        case "slug":
            region.slug.write_bytes(b"not an archive")
        case "environment":
            region.environment.write_text("\u00fc")
        case _:
            if os.geteuid() != 0:
                pytest.skip("only root can become another user")
            spec = replace(spec, user="no-such-user")
    region.start(spec)
    region.logged(said, 2)
    assert region.status(spec, "crashed").crashes >= 1
    assert list(spec.working_root.glob("*")) == []


def test_a_log_that_cannot_be_written_does_not_take_the_dyno_down(region: Region) -> None:
    region.log.mkdir()
    spec = region.spec("echo lost; sleep 1; echo kept; sleep 600")
    region.start(spec)
    region.status(spec, "up")
    region.log.rmdir()
    lines = region.logged("app[worker.1]: kept")
    assert lines[0].startswith("heroku[worker.1]: Error L10 (output buffer overflow): ")
