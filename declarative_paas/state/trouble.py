"""What goes wrong with a state file, in words: which file, what it means, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from declarative_paas.core.state import StateError

RESTORE: Final = (
    "it was left as it is; restore a copy over it (there may be some in `backups/` beside it), "
    "and remove its -wal and -shm files then"
)

NO_STATE: Final = f"is not a state: it is damaged, or another kind of file; {RESTORE}"
DAMAGED: Final = f"is damaged; {RESTORE}"

_MEANINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        sqlite3.SQLITE_NOTADB: NO_STATE,
        sqlite3.SQLITE_CORRUPT: DAMAGED,
        sqlite3.SQLITE_FULL: (
            "cannot grow: the disk is full; nothing of this was written: free some space and run the command again"
        ),
        sqlite3.SQLITE_IOERR: (
            "cannot be read or written: the disk failed, is full, or has a limit; nothing of this was written: "
            "see to the disk and run the command again"
        ),
        sqlite3.SQLITE_READONLY: "may not be written by this user: run as its owner, or give write permission",
        sqlite3.SQLITE_CANTOPEN: (
            "cannot be opened: this user needs to read and write the file, and to write in its directory"
        ),
        sqlite3.SQLITE_PERM: "cannot be opened: this user may not; run as its owner",
        sqlite3.SQLITE_BUSY: (
            "is busy: another process has been writing for too long; wait for it, or end it, and run the command again"
        ),
    }
)
"""By primary result code: https://www.sqlite.org/rescode.html"""


@contextmanager
def told(path: Path) -> Generator[None]:
    """Turns what SQLite and the system raise into a StateError. A misuse of SQLite is a bug, and passes."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as problem:
        raise StateError(f"the state {path} {_meaning(problem)} ({problem})") from None
    except PermissionError as problem:
        raise StateError(f"the state {path} {_MEANINGS[sqlite3.SQLITE_CANTOPEN]} ({problem.strerror})") from None
    except OSError as problem:
        raise StateError(f"the state {path} cannot be used: {problem.strerror}") from None


@contextmanager
def reading_rows(path: Path) -> Generator[None]:
    """Turns a row that makes no sense into a StateError. Encloses only the decoding of rows."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, OSError) as problem:
        raise StateError(
            f"the state {path} has a damaged record ({type(problem).__name__}: {problem}); {RESTORE}"
        ) from None


def _meaning(problem: sqlite3.Error) -> str:
    # Errors of the Python module itself, such as text that is no UTF-8, have no code.
    code = getattr(problem, "sqlite_errorcode", None)
    if code is None:
        return _MEANINGS[sqlite3.SQLITE_CORRUPT]
    # The low byte is the primary code, the rest says where it happened.
    return _MEANINGS.get(code & 0xFF, f"cannot be used; {RESTORE}")
