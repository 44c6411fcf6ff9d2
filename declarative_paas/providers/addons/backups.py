"""Logical backups of one database: pg_dump's custom format out, and back in under the same or another name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.account import SERVER_ENVIRONMENT
from declarative_paas.providers.addons.passfile import password_out_of
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.postgres_config import ADMIN
from declarative_paas.providers.addons.records import sync_directory


def dump(server: PostgresServer, database: str, file: Path) -> None:
    """Writes a consistent snapshot of the database to `file` (mode 0600), whole or not at all.

    Raises ProviderError (FAILED).
    """
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Through an open file: the server's account need not reach where the backup goes.
            _run(server, ["pg_dump", "--format=custom", f"--dbname={database}"], output=descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(file)
        sync_directory(file.parent)
    except OSError as problem:
        raise ProviderError(ErrorKind.FAILED, f"cannot write {file}: {problem.strerror}") from problem
    finally:
        fresh.unlink(missing_ok=True)


def restore(server: PostgresServer, database: str, file: Path) -> None:
    """Fills an empty database from a dump in one transaction; all in it will belong to the database's role.

    Raises ProviderError (FAILED), and then the database is as it was.
    """
    options = ["--no-owner", "--no-acl", "--no-comments", "--single-transaction", "--exit-on-error"]
    _run(server, ["pg_restore", *options, f"--role={database}", f"--dbname={database}", str(file)])


def _run(server: PostgresServer, command: Sequence[str], *, output: int = subprocess.DEVNULL) -> None:
    program, *options = command
    with password_out_of({**SERVER_ENVIRONMENT, "PGPASSWORD": server.password.reveal()}) as (environment, descriptors):
        done = subprocess.run(
            [
                server.binaries.program(program),
                f"--host={server.socket_directory}",
                f"--port={server.port}",
                f"--username={ADMIN}",
                "--no-password",
                *options,
            ],
            env=environment,
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        detail = done.stderr.strip().splitlines()[-10:]
        raise ProviderError(ErrorKind.FAILED, f"{program} failed with exit status {done.returncode}", detail=detail)
