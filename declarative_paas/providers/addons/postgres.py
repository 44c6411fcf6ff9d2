"""One PostgreSQL server of a region: made once, described for a supervisor, reached as its administrator."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers import filelock
from declarative_paas.providers.addons.account import (
    SERVER_ENVIRONMENT,
    give,
    open_directory,
    private_directory,
    run_as,
)
from declarative_paas.providers.addons.binaries import Binaries
from declarative_paas.providers.addons.databases import SqlSession
from declarative_paas.providers.addons.postgres_config import ADMIN, HBA, postgresql_conf
from declarative_paas.providers.addons.records import (
    FORMAT,
    open_sealed,
    read_json,
    write_durably,
)
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.providers.addons.server import ServerProcess
from declarative_paas.providers.addons.strays import is_alive
from declarative_paas.providers.wholefile import sync_directory
from declarative_paas.vault.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Generator

    import psycopg


@dataclass(frozen=True, slots=True)
class _Session:
    connection: psycopg.Connection[tuple[Any, ...]]

    def rows(self, query: str) -> list[dict[str, Any]]:
        found = self.connection.execute(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) q".encode()).fetchone()
        return [] if found is None else list(found[0])

    def run(self, statements: list[str]) -> None:
        for statement in statements:
            self.connection.execute(statement.encode())


SOCKET_PATH_BYTES = 103  # sun_path holds 104 on macOS, 108 on Linux
INITDB_TIMEOUT_S = 120.0


class DataLost(ProviderError):
    """The server's data directory was there once and is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A server in `directory`: `server.json` (ours, mode 0600), configuration, and `data/` of the server's account.

    `data/` appears by a rename when it is complete, so it is whole whenever it exists, and nothing
    here ever deletes it. `password` is the administrator's.
    """

    name: str
    directory: Path
    run_directory: Path
    port: int
    user: str | None
    binaries: Binaries
    password: Sensitive
    keyring: Keyring

    @classmethod
    def load(cls, directory: Path, *, run_directory: Path, user: str | None, keyring: Keyring) -> Self | None:
        """The server recorded in `directory`, with the binaries it was made with; None when there is none."""
        found = read_json(directory / "server.json")
        if found is None:
            return None
        return cls(
            name=found["name"],
            directory=directory,
            run_directory=run_directory,
            port=found["port"],
            user=user,
            binaries=Binaries.from_json(found["binaries"]),
            password=open_sealed(keyring, found["sealed_password"], found["name"]),
            keyring=keyring,
        )

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        name: str,
        run_directory: Path,
        port: int,
        user: str | None,
        binaries: Binaries,
        keyring: Keyring,
    ) -> Self:
        """Records a new server with a fresh administrator's password. Makes nothing else yet."""
        open_directory(directory)
        server = cls(
            name=name,
            directory=directory,
            run_directory=run_directory,
            port=port,
            user=user,
            binaries=binaries,
            password=Sensitive(secrets.token_urlsafe(32)),
            keyring=keyring,
        )
        server._record(system_identifier=None)
        return server

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def socket_directory(self) -> Path:
        return self.run_directory / "pg"

    def _record(self, *, system_identifier: str | None) -> None:
        text = {
            "format": FORMAT,
            "name": self.name,
            "port": self.port,
            "binaries": self.binaries.to_json(),
            "sealed_password": self.keyring.seal(self.password.reveal()),
            "system_identifier": system_identifier,
        }
        write_durably(self.directory / "server.json", json.dumps(text, indent=1, sort_keys=True) + "\n")

    def is_data_lost(self) -> bool:
        """Whether the data directory was complete once and is gone."""
        record = read_json(self.directory / "server.json") or {}
        return record.get("system_identifier") is not None and not self.data.is_dir()

    def prepare(self, *, even_if_lost: bool = False) -> None:
        """Makes the server ready to start; a no-op but for its configuration when it is.

        Raises DataLost when the data directory is gone, unless told to begin an empty one.
        """
        if len(os.fsencode(self.socket_directory / f".s.PGSQL.{self.port}")) > SOCKET_PATH_BYTES:
            raise ValueError(f"the run directory {self.run_directory} is too long for a unix socket")
        with filelock.held(self.directory / ".lock"):
            open_directory(self.run_directory)
            self.socket_directory.mkdir(exist_ok=True)
            self.socket_directory.chmod(0o755)
            give(self.socket_directory, self.user)
            hba = self.directory / "pg_hba.conf"
            conf = postgresql_conf(
                data=self.data,
                hba=hba,
                socket_directory=self.socket_directory,
                port=self.port,
                major=self.binaries.major,
            )
            for path, text in ((hba, HBA), (self.directory / "postgresql.conf", conf)):
                if not path.exists() or path.read_text() != text:
                    write_durably(path, text, mode=0o644)
            if self.is_data_lost() and not even_if_lost:
                raise DataLost(ErrorKind.FAILED, f"the data directory of {self.name} is gone: its databases are lost")
            if not self.data.is_dir():
                self._initialise()
            if (read_json(self.directory / "server.json") or {}).get("system_identifier") != self.system_identifier():
                self._record(system_identifier=self.system_identifier())

    def _initialise(self) -> None:
        for left in self.directory.glob("making-*"):
            shutil.rmtree(left, ignore_errors=True)
        # A name of its own: the initdb of a killed command may still be writing to the folder it had.
        making = self.directory / f"making-{secrets.token_hex(4)}"
        private_directory(making, self.user)
        # The verifier, not the password: initdb hands it to ALTER ROLE, which takes both.
        verifier = making / "verifier"
        write_durably(verifier, scram_verifier(self.password.reveal()) + "\n")
        give(verifier, self.user)
        run_as(
            self.user,
            [
                self.binaries.program("initdb"),
                f"--pgdata={making / 'data'}",
                f"--username={ADMIN}",
                f"--pwfile={verifier}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--data-checksums",
                *self._locale_options(),
            ],
            cwd=making,
            timeout_s=INITDB_TIMEOUT_S,
            failure=f"initdb of {self.name}",
        )
        (making / "data").rename(self.data)
        sync_directory(self.directory)
        shutil.rmtree(making)

    def _locale_options(self) -> Sequence[str]:
        if self.binaries.major >= 17:
            # Part of the server itself: the same order on every machine, whatever its C library.
            return ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        return ("--locale=C.UTF-8",)

    def process(self) -> ServerProcess:
        return ServerProcess(
            name=self.name,
            command=(
                self.binaries.program("postgres"),
                "-D",
                str(self.data),
                "-c",
                f"config_file={self.directory / 'postgresql.conf'}",
            ),
            directory=self.directory,
            user=self.user,
            stop_signal="INT",  # fast shutdown: SIGTERM would wait for every client to leave
            stop_wait_s=60,
            environment=SERVER_ENVIRONMENT,
        )

    @contextmanager
    def session(self, database: str = "postgres") -> Generator[SqlSession]:
        """See `DatabaseServer`."""
        with self.connect(database, options="-c search_path=") as connection:
            yield _Session(connection)

    @contextmanager
    def connect(
        self, database: str = "postgres", *, options: str = ""
    ) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        """An administrator's connection in autocommit mode; `options` are settings of the session.

        Raises ProviderError: UNAVAILABLE when it cannot be had, FAILED when a statement in it fails.
        """
        import psycopg

        try:
            connection = psycopg.connect(
                host=str(self.socket_directory),
                port=self.port,
                user=ADMIN,
                password=self.password.reveal(),
                dbname=database,
                connect_timeout=10,
                autocommit=True,
                application_name="dpaas",
                options=options,
            )
        except psycopg.OperationalError as problem:
            lines = str(problem).strip().splitlines()
            raise ProviderError(ErrorKind.UNAVAILABLE, f"{self.name} does not answer", detail=lines) from None
        try:
            with connection:
                yield connection
        except psycopg.Error as problem:
            # Its primary message only: the others can quote the statement.
            reason = problem.diag.message_primary or "the connection was lost"
            raise ProviderError(ErrorKind.FAILED, f"{self.name}: {reason}") from None

    def is_ready(self) -> bool:
        try:
            with self.connect():
                return True
        except ProviderError:
            return False

    def wait_ready(self, timeout_s: float) -> None:
        """Returns when the administrator can connect. Raises ProviderError (UNAVAILABLE) after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with self.connect():
                    return
            except ProviderError as problem:
                if time.monotonic() >= deadline:
                    summary = f"{self.name} is not ready after {timeout_s:g} s"
                    raise ProviderError(ErrorKind.UNAVAILABLE, summary, detail=problem.detail) from None
            time.sleep(0.05)

    def system_identifier(self) -> str:
        """Names the data directory, for ever: read from its control file, running or not."""
        done = run_as(
            self.user,
            [self.binaries.program("pg_controldata"), "-D", str(self.data)],
            cwd=self.directory,
            timeout_s=30.0,
            failure=f"pg_controldata of {self.name}",
        )
        for line in done.stdout.splitlines():
            label, _, value = line.partition(":")
            if label == "Database system identifier":
                return value.strip()
        raise ProviderError(ErrorKind.FAILED, f"pg_controldata of {self.name} tells no system identifier")

    def stop_stray(self) -> None:
        """Ends a server on our data that no supervisor runs (its own was killed); a no-op when there is none."""
        if not is_alive(self.data / "postmaster.pid", of=self.data):
            return
        command = [self.binaries.program("pg_ctl"), "stop", "--pgdata", str(self.data), "--mode=fast", "--wait"]
        run_as(self.user, command, cwd=self.directory, timeout_s=90.0, failure=f"stopping a stray {self.name}")

    def psql_command(self, name: str, password: Sensitive) -> tuple[Sequence[str], Mapping[str, str]]:
        """(argv, environment to add) of an SQL shell as a database's own role. The password is only in the latter."""
        argv = (
            self.binaries.program("psql"),
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--username={name}",
            f"--dbname={name}",
        )
        return argv, {"PGPASSWORD": password.reveal()}
