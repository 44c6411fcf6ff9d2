"""Copying a pgbench database between two servers, beside a plain `pg_dump -Fc | pg_restore` between the same two.

`python -m benchmarks.copies [SCALE …]` prints its table alone.
"""

from __future__ import annotations

import base64
import os
import pwd
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Sample, run_once
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.binaries import Binaries, install
from declarative_paas.providers.addons.databases import DatabaseSpec, ensure_database
from declarative_paas.providers.addons.local_runner import LocalRunner
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.postgres_client import Account, PostgresPrograms
from declarative_paas.providers.addons.postgres_port import PostgresPort, fresh_database
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.providers.local.home import SERVICE_USER
from declarative_paas.transfer.copy import CopyRequest, copy_data
from declarative_paas.vault.keyring import Keyring

SCALES = (50, 200)
PASSWORD = "only-for-this-benchmark"
STREAMS = 2


class RealClock:
    """The real one."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Side:
    """A server with one database."""

    server: PostgresServer
    spec: DatabaseSpec

    @property
    def options(self) -> list[str]:
        """As PostgreSQL's own programs take them."""
        server = self.server
        return [f"--host={server.socket_directory}", f"--port={server.port}", f"--username={self.spec.name}"]

    def fresh(self) -> None:
        fresh_database(self.server, self.spec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Two servers that run, in a directory of theirs."""

    base: Path
    binaries: Binaries
    source: Side
    target: Side


@contextmanager
def two_servers() -> Generator[Servers]:
    """Of this machine's PostgreSQL, each empty."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name, ExitStack() as stack:
        base = Path(name)
        base.chmod(0o755)
        binaries = install(base / "home", "postgres")
        source = stack.enter_context(running(base, "source", binaries))
        target = stack.enter_context(running(base, "target", binaries))
        yield Servers(base=base, binaries=binaries, source=source, target=target)


def copy_rows(scales: tuple[int, ...] = SCALES) -> list[str]:
    """A table: both ways, for each scale of pgbench (100,000 rows of about 100 bytes for each 1)."""
    lines = [
        "| copying a pgbench database between two servers | `pg_dump -Fc \\| pg_restore` | dpaas | ratio "
        "| with verification | ratio | peak MB |",
        "|---|---|---|---|---|---|---|",
    ]
    with two_servers() as servers:
        lines += [_row(servers, scale) for scale in scales]
    return lines


def _row(servers: Servers, scale: int) -> str:
    base, binaries, source, target = servers.base, servers.binaries, servers.source, servers.target
    environment = {"PGPASSWORD": PASSWORD}
    source.fresh()
    load = [binaries.program("pgbench"), "--initialize", "--quiet", f"--scale={scale}", *source.options]
    run_once([*load, source.spec.name], base, environment=environment)
    dump = [binaries.program("pg_dump"), "--format=custom", *source.options, source.spec.name]
    restore = [binaries.program("pg_restore"), "--no-owner", *target.options, f"--dbname={target.spec.name}"]
    target.fresh()
    plain = run_once(["sh", "-c", f"{shlex.join(dump)} | {shlex.join(restore)}"], base, environment=environment)
    bare = _copied(base, binaries, source, target, "--unverified")
    whole = _copied(base, binaries, source, target)
    return (
        f"| scale {scale} | {plain.seconds:.1f} s | {bare.seconds:.1f} s | {bare.seconds / plain.seconds:.2f}x "
        f"| {whole.seconds:.1f} s | {whole.seconds / plain.seconds:.2f}x | {max(bare.peak_mb, whole.peak_mb):.0f} |"
    )


def _copied(base: Path, binaries: Binaries, source: Side, target: Side, *options: str) -> Sample:
    """In a process of its own, so that its memory can be told."""
    target.fresh()
    places = [f"{side.server.socket_directory},{side.server.port},{side.spec.name}" for side in (source, target)]
    command = [sys.executable, "-m", "benchmarks.copies", "--copy", str(binaries.bin_dir), *places, *options]
    return run_once(command, Path(__file__).parent.parent, environment={"PGPASSWORD": PASSWORD})


def _copy(bin_dir: str, source: str, target: str, *options: str) -> None:
    def port(place: str) -> PostgresPort:
        host, number, role = place.split(",")
        account = Account(role=role, password=Sensitive(os.environ["PGPASSWORD"]), host=host, port=int(number))
        return PostgresPort(
            programs=PostgresPrograms(runner=LocalRunner(), bin_dir=bin_dir), database=role, owner=account
        )

    def fresh() -> None:
        raise AssertionError("the benchmark's target is fresh")

    copy_data(
        CopyRequest(
            identity=CopyIdentity(source_instance=source, target_instance=target),
            source=port(source),
            target=port(target),
            fresh=fresh,
            parallelism=STREAMS,
            clock=RealClock(),
            verify="--unverified" not in options,
        )
    )


@contextmanager
def running(base: Path, name: str, binaries: Binaries) -> Generator[Side]:
    user = SERVICE_USER if os.geteuid() == 0 else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    server = PostgresServer.create(
        base / name,
        name=name,
        run_directory=base / f"run-{name}",
        port=number,
        user=user,
        binaries=binaries,
        keyring=Keyring(base64.urlsafe_b64encode(os.urandom(32))),
    )
    server.prepare()
    process = server.process()
    entry = pwd.getpwnam(user) if user else None
    child = subprocess.Popen(
        process.command,
        cwd=process.directory,
        env=dict(process.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=entry.pw_uid if entry else None,
        group=entry.pw_gid if entry else None,
        extra_groups=[] if entry else None,
    )
    try:
        server.wait_ready(30)
        spec = DatabaseSpec(name=name, key=name, verifier=scram_verifier(PASSWORD), connection_limit=20)
        ensure_database(server, spec)
        yield Side(server, spec)
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--copy"]:
        _copy(*sys.argv[2:])
    else:
        print("\n".join(copy_rows(tuple(int(scale) for scale in sys.argv[1:]) or SCALES)))
