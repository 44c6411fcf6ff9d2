"""A pgbench database that is followed while it is written to: how far behind, and how long until it may be written.

`python -m benchmarks.followers [SCALE …]` prints its table alone.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from benchmarks.copies import PASSWORD, RealClock, Servers, Side, two_servers
from benchmarks.measure import run_once
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.provider import StepContext
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.binaries import Binaries
from declarative_paas.providers.addons.postgres_port import PostgresPort, local_postgres_port
from declarative_paas.transfer.comparison import compared
from declarative_paas.transfer.follow_steps import Following, promote
from declarative_paas.transfer.follower_sides import FollowSide

SCALES = (50,)
CLIENTS = 2
FOLLOWED_S = 20.0
"""For so long the lag is looked at, once the follower has caught up."""

QUIET = StepContext(report=lambda line: None, cancelled=lambda: False)


def follower_rows(scales: tuple[int, ...] = SCALES) -> list[str]:
    """A table: for each scale of pgbench, its own load running from before the first copy until the writes stop."""
    lines = [
        f"| following a pgbench database, `pgbench -c {CLIENTS}` writing to it | transactions/s | copied and caught up "
        "| lag, median | lag, most | writes stop → promoted and writable | both sides compared |",
        "|---|---|---|---|---|---|---|",
    ]
    with two_servers() as servers:
        lines += [_row(servers, scale) for scale in scales]
    return lines


def _row(servers: Servers, scale: int) -> str:
    base, binaries, source, target = servers.base, servers.binaries, servers.source, servers.target
    source.fresh()
    target.fresh()
    load = [binaries.program("pgbench"), "--initialize", "--quiet", f"--scale={scale}", *source.options]
    run_once([*load, source.spec.name], base, environment={"PGPASSWORD": PASSWORD})
    # pgbench's own history has no key, which no follower can do without.
    _tell(source, binaries, "ALTER TABLE pgbench_history ADD id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
    identity = CopyIdentity(source_instance=f"source-{scale}", target_instance=f"target-{scale}")
    theirs, ours = _port(source), _port(target)
    endpoint = Endpoint(host="127.0.0.1", port=source.server.port)
    with _writing(binaries, source) as writers:
        started = time.perf_counter()
        Following(
            identity=identity,
            source=FollowSide(port=theirs, fresh=source.fresh),
            target=FollowSide(port=ours, fresh=target.fresh),
            dial=lambda: endpoint,
            clock=RealClock(),
            context=QUIET,
        ).begin()
        copied = time.perf_counter() - started
        before, since = _transactions(source, binaries), time.perf_counter()
        lags = _lags(theirs, identity)
        rate = (_transactions(source, binaries) - before) / (time.perf_counter() - since)
        writers.send_signal(signal.SIGKILL)
        writers.wait()
    stopped = time.perf_counter()
    promote(identity, theirs, ours, clock=RealClock(), context=QUIET, alone=False)
    _tell(target, binaries, "UPDATE pgbench_branches SET filler = 'promoted' WHERE bid = 1; "
                            "UPDATE pgbench_branches SET filler = NULL WHERE bid = 1")  # fmt: skip
    promoted = time.perf_counter() - stopped
    theirs.unpublish(identity)
    with theirs.frozen() as left, ours.frozen() as made:
        verification = compared(left, made, cancelled=lambda: False)
    if not verification.ok:
        raise AssertionError(f"both sides differ: {verification.wrong}")
    took = time.perf_counter() - stopped - promoted
    return (
        f"| scale {scale} | {rate:.0f} | {copied:.1f} s | {statistics.median(lags) / 1e3:.0f} kB "
        f"| {max(lags) / 1e3:.0f} kB | {promoted:.2f} s | {took:.1f} s |"
    )


def _port(side: Side) -> PostgresPort:
    return local_postgres_port(side.server, side.spec.name, Sensitive(PASSWORD))


def _lags(source: PostgresPort, identity: CopyIdentity) -> list[int]:
    """Bytes, several times a second."""
    until, found = time.monotonic() + FOLLOWED_S, list[int]()
    while time.monotonic() < until:
        status = source.source_status(identity)
        if status is not None and status.lag_bytes is not None:
            found.append(status.lag_bytes)
        time.sleep(0.3)
    return found


def _tell(side: Side, binaries: Binaries, statement: str) -> str:
    command = [binaries.program("psql"), "--no-psqlrc", "--tuples-only", "--no-align", *side.options]
    done = subprocess.run(
        [*command, f"--dbname={side.spec.name}", "--set=ON_ERROR_STOP=1", f"--command={statement}"],
        env={"PGPASSWORD": PASSWORD},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _transactions(side: Side, binaries: Binaries) -> int:
    return int(_tell(side, binaries, "SELECT count(*) FROM pgbench_history"))


@contextmanager
def _writing(binaries: Binaries, source: Side) -> Generator[subprocess.Popen[bytes]]:
    command = [binaries.program("pgbench"), f"--client={CLIENTS}", "--time=3600", "--no-vacuum", *source.options]
    writers = subprocess.Popen(
        [*command, source.spec.name],
        env={"PGPASSWORD": PASSWORD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield writers
    finally:
        writers.kill()
        writers.wait()


if __name__ == "__main__":
    print("\n".join(follower_rows(tuple(int(scale) for scale in sys.argv[1:]) or SCALES)))
