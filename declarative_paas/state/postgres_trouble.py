"""What goes wrong with a state in PostgreSQL, in words: which database, what it means, what to do."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from declarative_paas.core.state import StateError

if TYPE_CHECKING:
    import psycopg

_LOST: Final = (
    "was cut off; whether the last write arrived is not known, but the journal is: see that the server runs and "
    "is reached, and run the command again"
)
_NO_ROOM: Final = "cannot grow: the server is out of disk space or memory; nothing of this was written"
_REMOVED: Final = "has lost tables while it was in use, or is half removed; nothing of this was written"
_BUSY: Final = "is busy: another process has been writing for too long; wait for it, or end it, and try again"
_AGAIN: Final = "was written by another process at the same moment; nothing of this was written: try again"

_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "08": _LOST,
        "23": _AGAIN,
        "25006": "may not be written there: this server is a standby, or read-only; name the primary",
        "25P03": _LOST,
        "3F000": _REMOVED,
        "40": _AGAIN,
        "42501": (
            "may not be used by this role; it needs CONNECT and, for the first write, CREATE on the database "
            "(or a schema that it owns)"
        ),
        "42703": "has tables of another form than its format tells: it is damaged, or being upgraded; try again",
        "42P01": _REMOVED,
        "42P07": "shares its schema with tables of another program: choose another one with `?schema=NAME`",
        "53": _NO_ROOM,
        "54": "refuses a value that is too long for it",
        "55P03": _BUSY,
        "57014": _BUSY,
        "57": _LOST,
        "58": "cannot be read or written: the server's disk failed",
        "XX": "is damaged: restore the database from its backup",
    }
)
"""By SQLSTATE or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_CONNECTING: Final = (
    ("no password supplied", "set PGPASSWORD, or a password file (PGPASSFILE)"),
    ("authentication failed", "see to PGPASSWORD or the password file (PGPASSFILE), and to the user (PGUSER)"),
    ("no pg_hba.conf entry", "the server's pg_hba.conf does not let this user in from here, or wants TLS"),
    ("does not exist", "make the database (createdb) or the role first: dpaas makes only its schema"),
    ("too many", "all of the server's connections are taken: end some, or raise max_connections"),
    ("remaining connection slots", "all of the server's connections are taken: end some, or raise max_connections"),
    ("ssl", "see to the options `sslmode` and `sslrootcert` of the location, and to the server's certificate"),
    ("certificate", "see to the options `sslmode` and `sslrootcert` of the location, and to the server's certificate"),
)
"""libpq tells no code when a connection fails, only words: these, and what to do then."""


@contextmanager
def told(place: str) -> Generator[None]:
    """Turns what the database raises into a StateError. A misuse of psycopg is a bug, and passes."""
    import psycopg

    try:
        yield
    except psycopg.OperationalError as problem:
        raise StateError(f"the state {place} {_meaning(problem, _LOST)} ({_primary(problem)})") from None
    except psycopg.Error as problem:
        if problem.sqlstate is None:
            raise
        meaning = _meaning(problem, "cannot be used; nothing of this was written")
        raise StateError(f"the state {place} {meaning} ({_primary(problem)})") from None


def not_connected(place: str, problem: psycopg.Error) -> StateError:
    """For a connection that could not be had."""
    words = " ".join(str(problem).split())
    advice = "see that the server runs there and lets this machine in"
    for sign, meaning in _CONNECTING:
        if sign in words.lower():
            advice = meaning
            break
    return StateError(f"the state {place} cannot be reached: {advice} ({words})")


@contextmanager
def reading_rows(place: str) -> Generator[None]:
    """Turns a row that makes no sense into a StateError. Encloses only the decoding of rows."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as problem:
        raise StateError(
            f"the state {place} has a damaged record ({type(problem).__name__}: {problem}); "
            "restore the database from its backup"
        ) from None


def _meaning(problem: psycopg.Error, otherwise: str) -> str:
    code = problem.sqlstate or ""
    return _MEANINGS.get(code) or _MEANINGS.get(code[:2]) or otherwise


def _primary(problem: psycopg.Error) -> str:
    """One line. Not the detail and context of a server's error: they quote rows and statements."""
    return problem.diag.message_primary or " ".join(str(problem).split())
