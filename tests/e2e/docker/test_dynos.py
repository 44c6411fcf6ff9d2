"""A dyno as a container: its limits, its file system, its start and its end."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import replace
from typing import Any

import pytest
from docker_case import Case

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, execute
from declarative_paas.providers.docker.engine.dyno_container import (
    PORT,
    DynoState,
    create_dyno,
    dyno_state,
    last_lines,
    memory_used_mb,
    remove_dyno,
    start_dyno,
    stop_dyno,
)


def ended(case: Case, name: str) -> DynoState:
    """Once the container, which is not restarted, has ended."""
    case.engine.api.wait(name, timeout=60)
    found = dyno_state(case.engine, name)
    assert found is not None
    return found


def test_a_dyno_that_listens_on_ipv6s_any_address_is_listening(case: Case) -> None:
    script = "import socket, os; s = socket.socket(10); s.bind(('::', int(os.environ['PORT']))); s.listen(); input()"
    dyno = case.dyno(case.server_slug(), "web.1", f'sleep 100 | python3 -c "{script}"')
    case.start(dyno)


def test_a_dyno_that_exits_while_it_boots_is_told_with_its_status_and_last_lines(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "sleep 0.3; echo no database; exit 3", restarts=False)
    case.start(dyno, listening=False)
    state = ended(case, dyno.name)
    assert (state.exit_status, state.told, state.code) == (3, "Process exited with status 3", None)
    assert last_lines(case.engine, dyno.name) == ["no database"]


def test_a_dyno_that_keeps_crashing_is_restarted_by_the_engine(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "exit 1")
    case.start(dyno, listening=False)
    deadline = time.monotonic() + 30
    while case.engine.api.inspect_container(dyno.name)["RestartCount"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_memory_over_the_limit_is_r15(case: Case) -> None:
    hog = "python3 -c 'x = bytearray(400 << 20); print(len(x))'"
    dyno = case.dyno(case.server_slug(), "worker.1", f"exec {hog}", restarts=False)
    case.start(dyno, listening=False)
    state = ended(case, dyno.name)
    assert (state.oom_killed, state.exit_status, state.code) == (True, 137, "R15")
    assert state.told == "Error R15 (Memory quota vastly exceeded)"


def test_memory_over_the_quota_is_seen_in_the_statistics_while_the_dyno_goes_on(case: Case) -> None:
    """R14: nothing is killed."""
    script = "x = bytearray(90 << 20); x[::4096] = b'1' * len(x[::4096]); print('full', flush=True); input()"
    dyno = case.dyno(case.server_slug(), "worker.1", f'sleep 100 | python3 -c "{script}"')
    case.start(dyno, listening=False)
    case.shell(dyno.name, "until ps ax -o rss= | awk '$1 > 90000 {f=1} END {exit !f}'; do sleep 0.1; done")
    used = memory_used_mb(case.engine, dyno.name)
    assert used is not None and dyno.memory_mb < 90 < used < dyno.memory_kill_mb
    state = dyno_state(case.engine, dyno.name)
    assert state is not None and state.running and state.restarts == 0


def test_a_size_is_a_memory_limit_a_cpu_weight_a_cpu_quota_and_a_number_of_processes(case: Case) -> None:
    slug = case.server_slug()
    shared = case.dyno(slug, "web.1", "sleep 100", cpu_share=2, memory_mb=1024, memory_kill_mb=2048, pids=512)
    dedicated = case.dyno(slug, "web.2", "sleep 100", cpu_share=12, dedicated=True)
    for dyno in (shared, dedicated):
        create_dyno(case.engine, dyno)
    config = case.engine.api.inspect_container(shared.name)["HostConfig"]
    assert (config["Memory"], config["MemorySwap"], config["MemoryReservation"]) == (2 << 30, 2 << 30, 1 << 30)
    assert (config["CpuShares"], config["CpuQuota"], config["CpuPeriod"]) == (2048, 200_000, 100_000)
    assert config["PidsLimit"] == 512
    assert case.engine.api.inspect_container(dedicated.name)["HostConfig"]["CpuQuota"] == 0


def test_the_limits_are_in_force_inside(case: Case) -> None:
    """Read from the control groups of the dyno itself, whichever version of them the host has."""
    dyno = case.dyno(case.server_slug(), "web.1", "sleep 100", cpu_share=0.5)
    case.start(dyno, listening=False)
    read = "cat /sys/fs/cgroup/{0} 2>/dev/null || cat /sys/fs/cgroup/{1}"
    assert case.shell(dyno.name, read.format("memory.max", "memory/memory.limit_in_bytes")).strip() == str(128 << 20)
    assert case.shell(dyno.name, read.format("pids.max", "pids/pids.max")).strip() == "64"
    assert case.shell(dyno.name, read.format("cpu.max", "cpu/cpu.cfs_quota_us")).split()[0] == "50000"


def test_a_fork_bomb_ends_at_the_dynos_own_limit(case: Case) -> None:
    script = """
import os
made = 0
try:
    while True:
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "60"])
        made += 1
except OSError as problem:
    print(made, problem.strerror, flush=True)
os.execvp("sleep", ["sleep", "60"])
"""
    dyno = case.dyno(case.server_slug(), "worker.1", 'exec python3 -c "$SCRIPT"', environment={"SCRIPT": script})
    case.start(dyno, listening=False)
    while not (said := last_lines(case.engine, dyno.name)):
        assert (state := dyno_state(case.engine, dyno.name)) is not None and state.running
    made, _, reason = said[0].partition(" ")
    assert 40 < int(made) < dyno.pids and reason == "Resource temporarily unavailable"


def test_a_dyno_has_no_privileges(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "sleep 100")
    case.start(dyno, listening=False)
    status = dict(
        line.split(":\t", 1) for line in case.shell(dyno.name, "cat /proc/1/status").splitlines() if ":\t" in line
    )
    assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split() == ["65534"] * 4


def test_only_the_app_and_tmp_can_be_written_and_both_are_fresh_at_each_start(case: Case) -> None:
    slug = case.build({"server.py": "", "kept.txt": "as built"})
    command = "ls -A /app /tmp | tr '\\n' ' '; echo; touch /app/new /tmp/new; rm -f kept.txt; touch /etc/new /slug/new"
    dyno = case.dyno(slug, "worker.1", command, restarts=False)
    case.start(dyno, listening=False)
    ended(case, dyno.name)
    first = last_lines(case.engine, dyno.name)
    start_dyno(case.engine, dyno.name)
    ended(case, dyno.name)
    second = last_lines(case.engine, dyno.name)[len(first) :]
    # The two streams of a container are read apart: their order to each other is not kept.
    assert sorted(first) == sorted(second)
    assert "/app: kept.txt server.py  /tmp: " in first
    assert sorted(line.split("'")[1] for line in first if "Read-only file system" in line) == ["/etc/new", "/slug/new"]


def test_sigterm_reaches_every_process_and_one_that_ignores_it_is_killed(case: Case) -> None:
    slug = case.server_slug()
    child = "trap 'echo child; exit 0' TERM; while :; do sleep 0.1; done"
    polite = case.dyno(slug, "web.1", f"sh -c \"{child}\" & trap 'wait; echo parent; exit 0' TERM; wait")
    stubborn = case.dyno(slug, "web.2", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    for dyno in (polite, stubborn):
        case.start(dyno, listening=False)
    case.shell(polite.name, "until ps ax | grep -q '[w]hile'; do sleep 0.05; done")
    while last_lines(case.engine, stubborn.name) != ["deaf"]:
        assert (state := dyno_state(case.engine, stubborn.name)) is not None and state.running
    assert stop_dyno(case.engine, polite.name, 20) is False
    assert {"child", "parent"} <= set(last_lines(case.engine, polite.name))
    assert stop_dyno(case.engine, stubborn.name, 1) is True


def test_the_environment_is_the_dynos_and_in_nobodys_repr(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", 'echo "$SECRET $DYNO $PORT $HOME $(pwd)"', restarts=False)
    dyno = replace(dyno, environment={"SECRET": "s3cret", "DYNO": "web.1"})
    case.start(dyno, listening=False)
    ended(case, dyno.name)
    assert last_lines(case.engine, dyno.name) == [f"s3cret web.1 {PORT} /app /app"]
    assert "s3cret" not in repr(dyno)


def test_making_the_same_dyno_again_makes_no_other(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "sleep 100")
    assert create_dyno(case.engine, dyno) == create_dyno(case.engine, dyno)
    with pytest.raises(ProviderError) as raised:
        create_dyno(case.engine, replace(dyno, command="sleep 101"))
    assert raised.value.kind is ErrorKind.CONFLICT


def test_a_container_removed_by_hand_is_absent_and_removing_it_again_is_nothing(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "sleep 100")
    case.start(dyno, listening=False)
    case.engine.api.remove_container(dyno.name, force=True, v=True)
    assert dyno_state(case.engine, dyno.name) is None
    assert memory_used_mb(case.engine, dyno.name) is None
    assert stop_dyno(case.engine, dyno.name, 1) is False
    assert remove_dyno(case.engine, case.owner, dyno.name) is False
    with pytest.raises(ProviderError, match="it was removed by somebody"):
        start_dyno(case.engine, dyno.name)
    with pytest.raises(ProviderError, match="it was removed by somebody"):
        execute.run(case.engine, dyno.name, ["true"])


def test_an_address_of_its_own_is_kept_over_restarts(case: Case) -> None:
    """The router knows a dyno by it."""
    dyno = case.dyno(case.server_slug(), "web.1")
    subnet = case.engine.api.inspect_network(str(dyno.network))["IPAM"]["Config"][0]["Subnet"]
    address = str(list(ipaddress.ip_network(subnet).hosts())[-1])
    assert case.start(replace(dyno, address=address)).ip == address
    case.listener("addon", str(dyno.network), 5000)
    case.engine.api.restart(dyno.name, timeout=1)
    assert case.place(dyno.name, str(dyno.network)).ip == address


def test_removing_a_dyno_takes_its_file_system_along(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "sleep 100")
    case.start(dyno, listening=False)
    found: Any = case.engine.api.inspect_container(dyno.name)
    volumes = [mount["Name"] for mount in found["Mounts"]]
    assert len(volumes) == 2
    assert remove_dyno(case.engine, case.owner, dyno.name) is True
    left = {volume["Name"] for volume in case.engine.api.volumes()["Volumes"] or []}
    assert left.isdisjoint(volumes)


def test_a_users_own_image_runs_its_command_with_a_writable_file_system(case: Case) -> None:
    slug = case.server_slug()
    dyno = case.dyno(slug, "web.1", "echo $PORT > /tmp/x && cat /tmp/x", from_slug=False, restarts=False)
    case.start(replace(dyno, image=case.stack.id), listening=False)
    ended(case, dyno.name)
    assert last_lines(case.engine, dyno.name) == [str(PORT)]
    assert containers.inspected(case.engine, dyno.name, case.owner) is not None
