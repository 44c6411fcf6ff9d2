"""Two PostgreSQL servers as two regions have them, and databases in them to copy between."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from declarative_paas.core.copy_result import CopyIdentity, CopyResult
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.binaries import Binaries, install
from declarative_paas.providers.addons.databases import DatabaseSpec, drop_database, ensure_database
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.postgres_port import PostgresPort, fresh_database, local_postgres_port
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.transfer.copy import CopyRequest, copy_data
from declarative_paas.transfer.meter import CopyProgress
from declarative_paas.vault.keyring import Keyring

PASSWORD = "a-pass-word:with\\signs"
USER = "nobody" if os.geteuid() == 0 else None


class Clock:
    monotonic = staticmethod(time.monotonic)

    def now(self) -> Any:
        raise AssertionError("a copy needs no time of day")


@dataclass(slots=True)
class RunningServer:
    server: PostgresServer
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """As a supervisor does: again, while processes of a server that was killed still hold its memory."""
        for _ in range(30):
            self.child = self._begun()
            while self.child.poll() is None:
                if self.server.is_ready():
                    return
                time.sleep(0.05)
            time.sleep(1)
        raise AssertionError(self.log.read_text()[-2000:])

    def _begun(self) -> subprocess.Popen[bytes]:
        process = self.server.process()
        entry = pwd.getpwnam(USER) if USER else None
        with self.log.open("ab") as log:
            return subprocess.Popen(
                process.command,
                cwd=process.directory,
                env=dict(process.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=entry.pw_uid if entry else None,
                group=entry.pw_gid if entry else None,
                extra_groups=[] if entry else None,
            )

    def last_lines(self) -> list[str]:
        return self.log.read_text().splitlines()[-300:]

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)
            self.child.wait(60)


@dataclass(slots=True, kw_only=True)
class Database:
    """One database with its role, as an add-on has it."""

    running: RunningServer
    spec: DatabaseSpec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def port(self) -> PostgresPort:
        return local_postgres_port(self.running.server, self.name, Sensitive(PASSWORD), log=self.running.last_lines)

    def fresh(self) -> None:
        fresh_database(self.running.server, self.spec)

    def ask(self, *statements: str, role: str | None = None) -> list[tuple[Any, ...]]:
        """The rows of the last statement, run as the app's role unless told otherwise."""
        found: list[tuple[Any, ...]] = []
        server = self.running.server
        with psycopg.connect(
            host=str(server.socket_directory),
            port=server.port,
            user="dpaas_admin",
            password=server.password.reveal(),
            dbname=self.name,
            autocommit=True,
        ) as connection:
            connection.execute(f'SET ROLE "{role or self.name}"'.encode())
            for statement in statements:
                cursor = connection.execute(statement.encode())
                found = cursor.fetchall() if cursor.description else []
        return found

    def drop(self) -> None:
        drop_database(self.running.server, self.name, key=self.spec.key)


@dataclass(slots=True)
class Region:
    """A server, and the databases a test made on it."""

    running: RunningServer
    made: list[Database] = field(default_factory=list)
    count: int = 0

    def database(self, limit: int = 20) -> Database:
        self.count += 1
        name = f"{self.running.server.name}_app_{self.count}"
        spec = DatabaseSpec(name=name, key=f"key-{name}", verifier=scram_verifier(PASSWORD), connection_limit=limit)
        ensure_database(self.running.server, spec)
        self.made.append(Database(running=self.running, spec=spec))
        return self.made[-1]

    def clear(self) -> None:
        while self.made:
            self.made.pop().drop()


def copy(
    source: Database,
    target: Database,
    report: Callable[[CopyProgress], None] = lambda progress: None,
    **more: Any,
) -> CopyResult:
    return copy_data(
        CopyRequest(
            identity=CopyIdentity(source_instance=source.spec.key, target_instance=target.spec.key),
            source=more.pop("source_port", source.port),
            target=more.pop("target_port", target.port),
            fresh=target.fresh,
            parallelism=2,
            clock=Clock(),
            report=report,
            **more,
        )
    )


def at(phase: str, action: Callable[[], object]) -> Callable[[CopyProgress], None]:
    """A report that does something once, when the copy gets there."""
    left = [action]

    def report(progress: CopyProgress) -> None:
        if progress.phase == phase and left:
            left.pop()()

    return report


def without_administrator(port: PostgresPort) -> PostgresPort:
    return replace(port, administrator=None)


@dataclass(slots=True)
class Place:
    """Where servers are made, and everything that must end with the tests."""

    base: Path
    keyring: Keyring
    servers: list[RunningServer] = field(default_factory=list)

    def binaries(self, major: int | None = None) -> Binaries:
        return install(self.base / "home", "postgres", major=major)

    def region(self, name: str, binaries: Binaries, *, directory: Path | None = None) -> Region:
        [port] = _free_ports(1)
        server = PostgresServer.create(
            (directory or self.base) / name,
            name=name,
            run_directory=self.base / f"run-{name}",
            port=port,
            user=USER,
            binaries=binaries,
            keyring=self.keyring,
        )
        server.prepare()
        running = RunningServer(server, self.base / f"{name}.log")
        self.servers.append(running)
        running.start()
        return Region(running)

    def close(self) -> None:
        for running in self.servers:
            running.stop()
        shutil.rmtree(self.base, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return found


@pytest.fixture(scope="module")
def free_ports() -> list[int]:
    """Three, that differ."""
    return _free_ports(3)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    base = Path(tempfile.mkdtemp(prefix="dpaas-"))
    base.chmod(0o755)
    found = Place(base=base, keyring=Keyring(base64.urlsafe_b64encode(bytes(32))))
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def regions(place: Place) -> tuple[Region, Region]:
    binaries = place.binaries()
    return place.region("us", binaries), place.region("eu", binaries)


@pytest.fixture
def us(regions: tuple[Region, Region]) -> Iterator[Region]:
    yield regions[0]
    regions[0].clear()


@pytest.fixture
def eu(regions: tuple[Region, Region]) -> Iterator[Region]:
    yield regions[1]
    regions[1].clear()
