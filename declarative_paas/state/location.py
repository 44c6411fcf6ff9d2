"""`spec.state` of the Platform to a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from declarative_paas.core.address import Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.state import SecretStore, StateError, StateStore
from declarative_paas.vault.keyring import Keyring

BACKUPS: Final = Path(".dpaas", "backups")
"""Where backups of a state on a server go, relative to the Platform's directory."""

_SERVERS: Final = ("postgresql", "postgres")


class Store(StateStore, SecretStore, Protocol):
    """Records and secrets in one place."""


def open_store(location: str, *, base_dir: Path, clock: Clock, keyring: Callable[[], Keyring]) -> Store:
    """`sqlite:PATH`, relative to the Platform's directory, or `postgresql://HOST/DATABASE`.

    Connects to nothing yet. A lease in PostgreSQL goes by the server's clock, not by `clock`. Raises
    StateError for what is not supported.
    """
    if _is_server(location):
        from declarative_paas.state.postgres import PostgresStore
        from declarative_paas.state.postgres_location import PostgresLocation

        return PostgresStore(PostgresLocation.parse(location), keyring=keyring)
    from declarative_paas.state.sqlite import SqliteStore

    return SqliteStore(_sqlite_path(location, base_dir), clock=clock, keyring=keyring)


def backup_store(location: str, scope: Scope, *, base_dir: Path, now: datetime) -> Path:
    """Makes a backup of the state there and answers where it is. Raises StateError.

    Of a file, all of it; of a database that others share, what belongs to the scope.
    """
    if _is_server(location):
        from declarative_paas.state import postgres_backup
        from declarative_paas.state.postgres_location import PostgresLocation

        return postgres_backup.backup(PostgresLocation.parse(location), scope, folder=base_dir / BACKUPS, now=now)
    from declarative_paas.state.backup import backup

    return backup(_sqlite_path(location, base_dir), now=now)


def backups_of(location: str, scope: Scope, *, base_dir: Path) -> list[Path]:
    """The backups there are, newest first; of a database, those of the scope. Raises StateError."""
    try:
        if _is_server(location):
            from declarative_paas.state import postgres_backup
            from declarative_paas.state.postgres_location import PostgresLocation

            folder = base_dir / BACKUPS
            stem = postgres_backup.stem_of(PostgresLocation.parse(location), scope)
            return postgres_backup.backups(folder, stem) if folder.is_dir() else []
        from declarative_paas.state.backup import backups

        return backups(_sqlite_path(location, base_dir))
    except OSError as problem:
        raise StateError(f"the backups cannot be listed: {problem.filename}: {problem.strerror}") from None


def _is_server(location: str) -> bool:
    return location.partition(":")[0] in _SERVERS


def _sqlite_path(location: str, base_dir: Path) -> Path:
    scheme, colon, rest = location.partition(":")
    if scheme != "sqlite" or not rest:
        # Not the whole text: an address of a server may have a password in it.
        raise StateError(
            f"state '{scheme}{colon}' is not supported by this version: use sqlite:PATH or postgresql://HOST/DATABASE"
        )
    return base_dir / rest
