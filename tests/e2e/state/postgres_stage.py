"""A real PostgreSQL server for the tests of the team's state: started when first needed, one a test process.

Its processes find it by the environment: PGPASSWORD, as a user would give it, and DPAAS_TEST_POSTGRES.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from declarative_paas.providers.addons.binaries import install
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.state.postgres import PostgresStore
from declarative_paas.vault.keyring import Keyring

ROLE = "team"
SHARED = "shared"
PASSWORD = "the-teams-password"
_VARIABLE = "DPAAS_TEST_POSTGRES"
_KEY = Keyring(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
_HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass
class Stage:
    """Owns the server's directory and process. Removed with both by `close`."""

    base: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="dpaas-state-")))
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.base.chmod(0o755)
        self.port = free_port()
        self.server = PostgresServer.create(
            self.base / "server",
            name="state",
            run_directory=self.base / "run",
            port=self.port,
            user="nobody" if os.geteuid() == 0 else None,
            binaries=install(self.base, "postgres"),
            keyring=_KEY,
        )
        self.server.prepare()
        # The add-ons' own rules let a role reach only the database of its name.
        (self.base / "server" / "pg_hba.conf").write_text(_HBA)

    def start(self) -> None:
        """Returns when the server answers."""
        described = self.server.process()
        account = pwd.getpwnam(described.user) if described.user else None
        with (self.base / "log").open("ab") as log:
            self.process = subprocess.Popen(
                described.command,
                cwd=described.directory,
                env=dict(described.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=_end_with_the_tests if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        self.server.wait_ready(30)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it cleanly at once, SIGQUIT as a crash does: it recovers at the next start."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def close(self) -> None:
        # As a crash: a clean end would first write out every test's database.
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.base, ignore_errors=True)


def _end_with_the_tests() -> None:
    """A test process that is killed leaves no server behind."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, int(signal.SIGINT))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Opener = Callable[..., PostgresStore]
"""(location, clock=…, formats=…): a store that is closed at the test's end. Without a clock, as users have it."""

_stages: list[Stage] = []


def stage() -> Stage:
    """This test process's own server, started when it is first asked for."""
    if not _stages:
        made = Stage()
        atexit.register(made.close)
        _stages.append(made)
        made.start()
        with made.server.connect() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD))
            )
        os.environ[_VARIABLE] = f"127.0.0.1:{made.port}"
        os.environ["PGPASSWORD"] = PASSWORD
        make_database(SHARED)
    return _stages[0]


def address() -> str:
    """HOST:PORT of the server: of the test that started this process, or else of this process's own."""
    if _VARIABLE not in os.environ:
        stage()
    return os.environ[_VARIABLE]


def location_for(place: Path) -> str:
    """`spec.state` for a directory: a schema of its own in one shared database, much sooner there than a database."""
    return f"{location_in(SHARED)}?schema={schema_for(place)}"


def schema_for(place: Path) -> str:
    return f"t_{hashlib.sha256(str(place).encode()).hexdigest()[:20]}"


def location_in(database: str) -> str:
    return f"postgresql://{ROLE}@{address()}/{database}"


def make_database(name: str) -> str:
    """Makes an empty database and answers its `spec.state`."""
    with administrator() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return location_in(name)


def files_of(database: str) -> list[Path]:
    """Where the server keeps what is in the database, and the log of its latest writes."""
    with administrator() as connection:
        found = connection.execute("SELECT oid FROM pg_database WHERE datname = %s", (database,)).fetchone()
    assert found is not None
    data = stage().server.data
    folders = (data / "base" / str(found[0]), data / "pg_wal")
    return [path for folder in folders for path in folder.iterdir() if path.is_file()]


def administrator(database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    """A connection of the team's role, which is the owner of every database here."""
    host, _, port = address().partition(":")
    return psycopg.connect(
        host=host, port=port, user=ROLE, password=PASSWORD, dbname=database, autocommit=True, connect_timeout=10
    )
