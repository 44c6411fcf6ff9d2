"""Two applies at once: one is refused by name and time, and one that was overtaken writes nothing any more."""

from __future__ import annotations

import getpass
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from doomed import DPAAS, ENVIRONMENT, HERE, SCOPE, Doomed
from scenarios import SCENARIOS

FIRST_CREATE = SCENARIOS[0]
SHORT_TTL_S = 2.0


@pytest.fixture
def doomed() -> Iterator[Doomed]:
    made = Doomed()
    try:
        yield made
    finally:
        made.close()


class Paused:
    """An apply that stops itself in mid-flight, just before it writes to the state once more."""

    def __init__(self, doomed: Doomed, *, lock_s: float) -> None:
        doomed.begin(FIRST_CREATE)
        entry = [sys.executable, str(HERE / "short_lease_dpaas.py"), str(lock_s), "12"]
        self.process = subprocess.Popen(
            [*entry, "apply", "--auto-approve", "--parallelism", "1"],
            cwd=doomed.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        until = time.monotonic() + 30
        while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, "the apply was never stopped"
            time.sleep(0.01)

    def goes_on(self) -> tuple[int, str]:
        """Its exit code and what it told."""
        self.process.send_signal(signal.SIGCONT)
        out, errors = self.process.communicate(timeout=30)
        return self.process.returncode, out + errors

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def everything_written(doomed: Doomed) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the state."""
    path = doomed.directory / ".dpaas" / "state.db"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}


def all_arrived(doomed: Doomed) -> int:
    """How many things there are, once the call that the stopped apply had on its way has been answered."""
    before, now = -1, int(doomed.world.call("audit")["things"])
    while now != before:
        time.sleep(0.5)
        before, now = now, int(doomed.world.call("audit")["things"])
    return now


def test_a_second_apply_is_refused_by_who_holds_the_lock_and_since_when(doomed: Doomed) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    first = Paused(doomed, lock_s=60.0)
    try:
        written = everything_written(doomed)
        things = all_arrived(doomed)
        second = doomed.run("apply", "--auto-approve")
        assert second.returncode == 1
        holder = f"{getpass.getuser()}@{socket.gethostname()} (process {first.process.pid}) since"
        assert f"locked by {holder}" in second.stderr
        since = re.search(r"since (\S+?);", second.stderr)
        assert since is not None, second.stderr
        assert before <= datetime.fromisoformat(since[1]) <= datetime.now(UTC)
        assert everything_written(doomed) == written
        assert doomed.world.call("audit")["things"] == things
        code, told = first.goes_on()
        assert code == 0, told
    finally:
        first.close()
    assert "No changes" in doomed.must("plan", "--detailed-exitcode")
    assert doomed.world.call("audit")["duplicates"] == []


def test_a_paused_holder_whose_lock_was_taken_over_writes_nothing_when_it_goes_on(doomed: Doomed) -> None:
    paused = Paused(doomed, lock_s=SHORT_TTL_S)
    try:
        lease = doomed.lease()
        assert lease is not None
        assert f"(process {paused.process.pid}," in lease[0]
        assert lease[1] <= datetime.now(UTC) + timedelta(seconds=SHORT_TTL_S)
        # It lives, so its lock is respected to its end.
        assert "locked by" in doomed.run("apply", "--auto-approve").stderr
        while lease[1] > datetime.now(UTC):
            time.sleep(0.05)
        doomed.must("apply", "--auto-approve")
        written, effects = everything_written(doomed), doomed.world.call("audit")["effects"]
        code, told = paused.goes_on()
        assert code == 1
        assert "taken over" in told
        assert "nothing was written" in told
    finally:
        paused.close()
    assert everything_written(doomed) == written
    assert doomed.world.call("audit")["effects"] == effects
    assert doomed.world.call("audit")["duplicates"] == []
    assert max(doomed.world.call("birth_counts").values()) == 1
    assert "No changes" in doomed.must("plan", "--detailed-exitcode")


def test_a_second_connection_of_a_process_does_not_give_the_locks_of_the_first_away(doomed: Doomed) -> None:
    """Else another process, closing as the last one it knows of, takes the log away and its writes are undone."""
    doomed.begin(FIRST_CREATE)
    doomed.must("apply", "--auto-approve")
    ours = doomed.store()
    lease = ours.acquire(SCOPE, "ours", 60.0)
    second = doomed.store()
    assert second.current("@acme/default/main/secret.shop/SESSION_KEY.value") is not None
    second.close()
    log = doomed.directory / ".dpaas" / "state.db-wal"
    before = log.stat().st_ino
    # It opens the state, finds the lock, and closes.
    refused = doomed.run(
        "destroy", "--auto-approve", "--confirm", "addon.shop/DATABASE", "--confirm", "addon.api/CACHE"
    )
    assert "locked by ours" in refused.stderr
    assert log.stat().st_ino == before
    ours.release(lease)
    ours.close()


def test_an_apply_waits_for_the_lock_as_long_as_it_is_told_and_plans_after_that(doomed: Doomed) -> None:
    first = Paused(doomed, lock_s=60.0)
    try:
        started = time.monotonic()
        refused = doomed.run("apply", "--auto-approve", "--lock-timeout", "0.7")
        assert time.monotonic() - started >= 0.7
        assert refused.returncode == 1
        assert "Waiting for the lock" in refused.stderr
        assert f"locked by {getpass.getuser()}@" in refused.stderr
        waiting = [_wait_for_the_lock(doomed) for _ in range(2)]
        code, told = first.goes_on()
        assert code == 0, told
        for process in waiting:
            out, errors = process.communicate(timeout=60)
            assert process.returncode == 0, out + errors
            assert "No changes" in out
    finally:
        first.close()
    assert max(doomed.world.call("birth_counts").values()) == 1


def test_of_several_that_wait_each_plans_anew_after_the_one_before(doomed: Doomed) -> None:
    first = Paused(doomed, lock_s=60.0)
    try:
        waiting = [_wait_for_the_lock(doomed) for _ in range(3)]
        # Killed in mid-flight: there is work left for whoever is next, and only for one of them.
        first.close()
        ends = [process.communicate(timeout=60) for process in waiting]
        assert [process.returncode for process in waiting] == [0, 0, 0], ends
    finally:
        first.close()
    assert max(doomed.world.call("birth_counts").values()) == 1
    assert "No changes" in doomed.must("plan", "--detailed-exitcode")


def _wait_for_the_lock(doomed: Doomed) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*DPAAS, "apply", "--auto-approve", "--lock-timeout", "60"],
        cwd=doomed.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stderr is not None
    assert "Waiting for the lock" in process.stderr.readline()
    return process
