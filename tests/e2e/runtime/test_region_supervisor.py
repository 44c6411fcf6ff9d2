"""One supervisord a region: it outlives the command, is never doubled, and repairs what a crash left."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from region_case import PYTHON, Region, eventually

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.runtime.programs import Program, ProgramState
from declarative_paas.providers.runtime.supervisor import RegionSupervisor, SupervisorError

RUNNING = {ProgramState.RUNNING}
SLEEP = "import time; time.sleep(600)"
CHECKOUT = str(Path(__file__).parents[3])


def sleeper(region: Region, name: str = "sleeper", **fields: object) -> Program:
    program = Program(name=name, command=(PYTHON, "-c", SLEEP, str(region.base)), directory=region.base)
    return replace(program, **fields)  # type: ignore[arg-type]


def sleepers(region: Region) -> list[int]:
    return [pid for pid in region.processes() if SLEEP in processes.command_line(pid)]


def ensure(directory: Path, run: Path, identifier: str) -> int | None:
    supervisor = RegionSupervisor(directory, run, identifier)
    supervisor.ensure_running()
    return supervisor.pid()


def test_a_region_survives_the_command_that_started_it_and_its_ctrl_c(region: Region) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from declarative_paas.providers.runtime.supervisor import RegionSupervisor\n"
        "s = RegionSupervisor(Path(sys.argv[1]), Path(sys.argv[2]), 'test-us'); s.ensure_running(); print(s.pid())\n"
    )
    arguments = [sys.executable, "-c", script, str(region.home / "supervisor"), str(region.run)]
    # Its own process group stands for the terminal's foreground job.
    command = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([CHECKOUT, *sys.path])},
        process_group=0,
    )
    output, _ = command.communicate()
    pid = int(output)
    with pytest.raises(ProcessLookupError):
        os.killpg(command.pid, signal.SIGINT)
    assert region.supervisor.pid() == pid
    assert os.getsid(pid) == pid


def test_the_users_variables_do_not_leak_into_the_region(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "t0ken")
    region.supervisor.ensure_running()
    pid = region.supervisor.pid()
    assert pid is not None
    assert not any(b"t0ken" in pair for pair in processes.environment(pid))


def test_only_we_can_reach_the_socket(region: Region) -> None:
    region.supervisor.ensure_running()
    assert region.run.stat().st_mode & 0o777 == 0o700


def test_starting_a_region_from_four_processes_at_once_makes_one_supervisord(region: Region) -> None:
    arguments = (region.home / "supervisor", region.run, "test-us")
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        pids = {future.result() for future in [pool.submit(ensure, *arguments) for _ in range(4)]}
    assert pids == {region.supervisor.pid()}
    assert len([pid for pid in region.processes() if "supervisor.supervisord" in processes.command_line(pid)]) == 1


def test_putting_the_same_program_again_leaves_it_alone(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    first = region.supervisor.wait_state("sleeper", RUNNING, 10)
    region.supervisor.put(sleeper(region))
    assert region.supervisor.programs()["sleeper"].pid == first.pid


def test_a_changed_program_is_replaced_and_its_old_process_gone(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    first = region.supervisor.wait_state("sleeper", RUNNING, 10)
    assert first.pid is not None
    region.supervisor.put(sleeper(region, environment={"GREETING": 'it\'s 100% "new" ;#'}))
    assert not processes.is_alive(first.pid)
    second = region.supervisor.wait_state("sleeper", RUNNING, 10)
    assert second.pid is not None
    assert b'GREETING=it\'s 100% "new" ;#' in processes.environment(second.pid)


def test_a_replacement_that_was_interrupted_is_finished_by_the_next_put(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    first = region.supervisor.wait_state("sleeper", RUNNING, 10)
    changed = sleeper(region, stop_wait_s=7)
    other = RegionSupervisor(region.home / "supervisor", region.run, "test-us")
    # What a put that is killed half way leaves: the new definition, and the old process.
    other._definitions.write(changed)
    other.put(changed)
    assert region.supervisor.wait_state("sleeper", RUNNING, 10).pid != first.pid


def test_a_removed_program_is_gone_and_does_not_come_back(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    pid = region.supervisor.wait_state("sleeper", RUNNING, 10).pid
    assert pid is not None
    region.supervisor.remove("sleeper")
    assert not processes.is_alive(pid)
    region.supervisor.remove("sleeper")
    region.supervisor.shutdown()
    region.supervisor.ensure_running()
    assert region.supervisor.programs() == {}


def test_a_restart_gives_a_new_process(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    first = region.supervisor.wait_state("sleeper", RUNNING, 10)
    region.supervisor.restart("sleeper")
    assert region.supervisor.wait_state("sleeper", RUNNING, 10).pid != first.pid


def test_a_program_that_cannot_run_says_so_and_is_tried_again(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region, command=(PYTHON, "-c", "raise SystemExit('no such database')")))
    region.supervisor.wait_state("sleeper", {ProgramState.BACKOFF}, 10)
    assert "no such database" in (region.home / "supervisor" / "log" / "sleeper.log").read_text()
    with pytest.raises(SupervisorError, match="sleeper is "):
        region.supervisor.wait_state("sleeper", {ProgramState.STOPPED}, 0.1)


def test_shutdown_stops_the_highest_priority_number_first_and_leaves_nothing(region: Region) -> None:
    script = "import signal,sys,time; signal.signal(15, lambda *_: (print('end', time.time()), sys.exit()));"
    script += "print('up', flush=True); time.sleep(600)"
    region.supervisor.ensure_running()
    logs = {priority: region.home / f"{priority}.out" for priority in (100, 800)}
    for priority, log in logs.items():
        program = sleeper(region, f"p{priority}", command=(PYTHON, "-c", script), priority=priority, log=log)
        region.supervisor.put(program)
        eventually(lambda log=log: log.exists() and "up" in log.read_text(), f"{log} up")  # type: ignore[misc]
    region.supervisor.shutdown()
    ended = {priority: float(log.read_text().split()[-1]) for priority, log in logs.items()}
    assert ended[800] < ended[100]
    assert region.processes() == []
    assert not region.supervisor.is_running()
    region.supervisor.shutdown()


def test_a_program_that_ignores_its_signal_is_gone_after_shutdown(region: Region) -> None:
    script = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    log = region.home / "s.out"
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region, command=(PYTHON, "-c", script), stop_wait_s=600, log=log))
    eventually(lambda: log.exists() and "up" in log.read_text(), "up")
    region.supervisor.shutdown(timeout_s=0.5)
    assert region.processes() == []


def test_after_a_killed_supervisord_its_programs_run_once(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    before = region.supervisor.wait_state("sleeper", RUNNING, 10)
    killed = region.supervisor.pid()
    assert killed is not None
    assert before.pid is not None
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not region.supervisor.is_running(), "supervisord dead")
    assert processes.is_alive(before.pid)
    region.supervisor.ensure_running()
    after = region.supervisor.wait_state("sleeper", RUNNING, 10)
    assert not processes.is_alive(before.pid)
    assert region.supervisor.pid() != killed
    assert after.pid != before.pid
    assert len(sleepers(region)) == 1


def test_a_pid_file_whose_pid_another_process_got_harms_nobody(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.shutdown()
    with subprocess.Popen([PYTHON, "-c", "import time; time.sleep(600)"], start_new_session=True) as bystander:
        try:
            (region.run / "supervisord.pid").write_text(f"{bystander.pid}\n")
            (region.run / "supervisor.sock").touch()
            region.supervisor.ensure_running()
            assert region.supervisor.is_running()
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_pid_file_from_before_a_reboot_harms_nobody(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.shutdown()
    # A session whose leader has ended, as that of any job left in the background.
    script = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    leader = subprocess.Popen([PYTHON, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    bystander = int(leader.stdout.readline())
    leader.wait()
    try:
        (region.run / "supervisord.pid").write_text(f"{leader.pid}\n")
        (region.run / "epoch").write_text("an earlier boot")
        region.supervisor.ensure_running()
        assert region.supervisor.is_running()
        assert processes.is_alive(bystander)
    finally:
        os.kill(bystander, signal.SIGKILL)


def test_a_reboot_that_emptied_the_run_directory_is_repaired(region: Region) -> None:
    odd = region.base / "logs ;x"
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region, log=odd / "out.log"))
    region.supervisor.shutdown()
    shutil.rmtree(region.run)
    shutil.rmtree(odd)
    region.supervisor.ensure_running()
    region.supervisor.wait_state("sleeper", RUNNING, 10)


def test_a_supervisord_whose_run_directory_was_cleaned_away_is_replaced(region: Region) -> None:
    region.supervisor.ensure_running()
    region.supervisor.put(sleeper(region))
    old = region.supervisor.pid()
    assert old is not None
    shutil.rmtree(region.run)
    region.supervisor.ensure_running()
    region.supervisor.wait_state("sleeper", RUNNING, 10)
    assert not processes.is_alive(old)
    assert len(sleepers(region)) == 1


def test_two_regions_run_at_once_and_know_nothing_of_each_other(region: Region) -> None:
    other = Region("test-eu")
    try:
        for one in (region, other):
            one.supervisor.ensure_running()
            one.supervisor.put(sleeper(one))
        first, second = (one.supervisor.wait_state("sleeper", RUNNING, 10) for one in (region, other))
        assert first.pid != second.pid
        assert region.supervisor.pid() != other.supervisor.pid()
        other.supervisor.shutdown()
        assert region.supervisor.programs()["sleeper"].pid == first.pid
    finally:
        other.close()


def test_a_run_directory_of_another_region_is_refused(region: Region) -> None:
    region.supervisor.ensure_running()
    with pytest.raises(SupervisorError, match="of test-us, not of test-eu"):
        RegionSupervisor(region.home / "supervisor", region.run, "test-eu").ensure_running()


@pytest.mark.parametrize("run", ["/tmp/" + "x" * 80, "/tmp/a b", "relative", "/tmp/*"])
def test_a_run_directory_that_cannot_hold_a_socket_is_refused(tmp_path: Path, run: str) -> None:
    with pytest.raises(ValueError, match="run directory"):
        RegionSupervisor(tmp_path, Path(run), "test")


def test_calls_to_a_region_that_is_down_say_so(region: Region) -> None:
    with pytest.raises(SupervisorError, match="no supervisord answers"):
        region.supervisor.programs()
    assert region.supervisor.pid() is None
