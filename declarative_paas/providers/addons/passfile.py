"""A password for PostgreSQL's own programs, where neither argument lists nor environments tell it."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

_VARIABLE = "PGPASSWORD"


@contextmanager
def password_out_of(environment: Mapping[str, str]) -> Generator[tuple[Mapping[str, str], Sequence[int]]]:
    """The environment with its PGPASSWORD in a file without a name; the descriptors that the program must inherit.

    An environment goes on to whatever the program starts, and others of the same user can read it. Where the system
    has no such files (it is not Linux) the environment stays as it is.
    """
    if _VARIABLE not in environment or not hasattr(os, "memfd_create"):
        yield environment, ()
        return
    descriptor = os.memfd_create("pgpass")
    try:
        # libpq passes over a password file that anybody else could read.
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, f"*:*:*:*:{_escaped(environment[_VARIABLE])}\n".encode())
        rest = {name: value for name, value in environment.items() if name != _VARIABLE}
        yield {**rest, "PGPASSFILE": f"/proc/self/fd/{descriptor}"}, (descriptor,)
    finally:
        os.close(descriptor)


def _escaped(password: str) -> str:
    """https://www.postgresql.org/docs/current/libpq-pgpass.html"""
    return password.replace("\\", "\\\\").replace(":", "\\:")
