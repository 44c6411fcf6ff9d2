"""Logical backups of one database: pg_dump's custom format out, and back in under the same or another name."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.account import SERVER_ENVIRONMENT
from declarative_paas.providers.addons.passfile import password_out_of
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.postgres_config import ADMIN

DUMP_OPTIONS = ("--format=custom", "--no-subscriptions", "--no-publications")
"""What follows is told the password of its source, and a restored database neither follows nor is followed."""

RESTORE_OPTIONS = ("--no-owner", "--no-acl", "--no-comments", "--single-transaction", "--exit-on-error")
"""All that is restored will belong to the role that restores, whoever had it before."""


def dump(server: PostgresServer, database: str, into: BinaryIO) -> None:
    """Writes a consistent snapshot of the database to a file. Raises ProviderError (FAILED)."""
    # Through a pipe: pg_dump opens its output for appending, and would write its table of contents, which it
    # corrects in a file when it is done, a second time at the end.
    with (
        tempfile.TemporaryFile() as errors,
        _administrator(server) as (environment, descriptors),
        subprocess.Popen(
            _command(server, "pg_dump", *DUMP_OPTIONS, f"--dbname={database}"),
            env=environment,
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as running,
    ):
        assert running.stdout is not None
        shutil.copyfileobj(running.stdout, into)
        status = running.wait()
        errors.seek(0)
        require_success("pg_dump", status, errors.read())


def contents(server: PostgresServer, file: BinaryIO) -> list[str]:
    """The entries of a dump, as `pg_restore --list` tells them. Raises ProviderError (FAILED): it is damaged."""
    with _handed_over(file) as descriptor:
        done = subprocess.run(
            [server.binaries.program("pg_restore"), "--list"],
            env=dict(SERVER_ENVIRONMENT),
            stdin=descriptor,
            capture_output=True,
            check=False,
        )
    require_success("pg_restore --list", done.returncode, done.stderr)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line and not line.startswith(";")]


def restore(server: PostgresServer, database: str, role: str, file: BinaryIO) -> None:
    """Fills an empty database from an open file, all of it or nothing; all in it will belong to the role.

    Raises ProviderError (FAILED).
    """
    command = _command(server, "pg_restore", *RESTORE_OPTIONS, f"--role={role}", f"--dbname={database}")
    with _handed_over(file) as source, _administrator(server) as (environment, descriptors):
        done = subprocess.run(
            command,
            env=environment,
            pass_fds=descriptors,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    require_success("pg_restore", done.returncode, done.stderr)


@contextmanager
def _handed_over(file: BinaryIO) -> Generator[int]:
    """The file for another program, where we are in it. Afterwards we are at its end."""
    # Python and the program share the place in the file, and Python trusts its own memory of it.
    file.flush()
    os.lseek(file.fileno(), file.tell(), os.SEEK_SET)
    try:
        yield file.fileno()
    finally:
        file.seek(0, os.SEEK_END)


def _administrator(
    server: PostgresServer,
) -> AbstractContextManager[tuple[Mapping[str, str], Sequence[int]]]:
    return password_out_of({**SERVER_ENVIRONMENT, "PGPASSWORD": server.password.reveal()})


def _command(server: PostgresServer, program: str, *options: str) -> list[str]:
    return [
        server.binaries.program(program),
        f"--host={server.socket_directory}",
        f"--port={server.port}",
        f"--username={ADMIN}",
        "--no-password",
        *options,
    ]


def require_success(program: str, status: int, errors: bytes) -> None:
    """Raises ProviderError (FAILED) with the last lines of what the program complained about."""
    if status != 0:
        detail = errors.decode("utf-8", "replace").strip().splitlines()[-10:]
        raise ProviderError(ErrorKind.FAILED, f"{program} failed with exit status {status}", detail=detail)
