"""PostgreSQL in a container, as its administrator reaches it: psql, over the server's own unix socket.

Whoever is the server's account in its container is its administrator (peer), so there is no password to tell.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.backups import DUMP_OPTIONS, RESTORE_OPTIONS, require_success
from declarative_paas.providers.addons.databases import SqlSession
from declarative_paas.providers.addons.postgres_config import ADMIN
from declarative_paas.providers.docker.engine import execute
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY
from declarative_paas.providers.docker.engine.stream import STDERR

SOCKET: Final = "/data/socket"
STATEMENT_TIMEOUT_S: Final = 60.0
NOT_CONNECTED: Final = 2  # psql's exit status; 3 is an error in what it was told
_QUIET: Final = ("--no-psqlrc", "--quiet", "--no-align", "--tuples-only")
_STRICT: Final = ("--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse")


@dataclass(frozen=True, slots=True)
class PsqlServer:
    """A `DatabaseServer`: the container's name is the server's."""

    engine: Engine
    name: str

    @contextmanager
    def session(self, database: str = "postgres") -> Generator[SqlSession]:
        yield _PsqlSession(self, database)

    def is_ready(self) -> bool:
        try:
            _PsqlSession(self, "postgres").rows("SELECT 1 AS one")
        except ProviderError:
            return False
        return True

    def dump(self, database: str, into: BinaryIO) -> None:
        """Writes pg_dump's custom format. Raises ProviderError (FAILED)."""
        command = ["pg_dump", *_to(database), *DUMP_OPTIONS]
        errors = bytearray()
        with execute.streamed(self.engine, self.name, command, stdin=False, user=NOBODY) as running:
            while (frame := running.receive()) is not None:
                if frame.stream == STDERR:
                    errors.extend(frame.data)
                else:
                    into.write(frame.data)
            require_success("pg_dump", running.status(), bytes(errors))

    def contents(self, file: BinaryIO) -> list[str]:
        """The entries of a dump, as `pg_restore --list` tells them. Raises ProviderError (FAILED): it is damaged."""
        done = execute.run(self.engine, self.name, ["pg_restore", "--list"], stdin=file, user=NOBODY)
        require_success("pg_restore --list", done.status, done.stderr)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        return [line for line in lines if line and not line.startswith(";")]

    def fill(self, database: str, role: str, file: BinaryIO) -> None:
        """Restores a dump into an empty database, all of it or nothing. Raises ProviderError (FAILED)."""
        command = ["pg_restore", *_to(database), *RESTORE_OPTIONS, f"--role={role}"]
        done = execute.run(self.engine, self.name, command, stdin=file, user=NOBODY)
        require_success("pg_restore", done.status, done.stderr)


@dataclass(frozen=True, slots=True)
class _PsqlSession:
    server: PsqlServer
    database: str

    def rows(self, query: str) -> list[dict[str, Any]]:
        answer = self._tell(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) q;\n")
        return list(json.loads(answer))

    def run(self, statements: list[str]) -> None:
        self._tell("".join(f"{statement};\n" for statement in statements))

    def _tell(self, script: str) -> bytes:
        done = execute.run(
            self.server.engine,
            self.server.name,
            ["psql", *_to(self.database), *_QUIET, *_STRICT],
            stdin=script.encode(),
            user=NOBODY,
            environment={"PGOPTIONS": "-c search_path="},
            timeout_s=STATEMENT_TIMEOUT_S,
        )
        if done.status == 0:
            return done.stdout
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if done.status == NOT_CONNECTED:
            raise ProviderError(ErrorKind.UNAVAILABLE, f"{self.server.name} does not answer", detail=lines[-3:])
        # Its primary message only: others can quote the statement.
        reason = next((line.partition("ERROR:")[2].strip() for line in lines if "ERROR:" in line), "psql failed")
        raise ProviderError(ErrorKind.FAILED, f"{self.server.name}: {reason}")


def shell(database: str, arguments: Sequence[str]) -> list[str]:
    """The command of an SQL shell as the database's own role."""
    return ["psql", f"--host={SOCKET}", f"--username={database}", f"--dbname={database}", *arguments]


def _to(database: str) -> tuple[str, ...]:
    return (f"--host={SOCKET}", f"--username={ADMIN}", f"--dbname={database}", "--no-password")
