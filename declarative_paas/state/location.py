"""`spec.state` of the Platform to a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from declarative_paas.core.clock import Clock
from declarative_paas.core.state import StateError
from declarative_paas.state.backup import backup
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring


def open_store(location: str, *, base_dir: Path, clock: Clock, keyring: Callable[[], Keyring]) -> SqliteStore:
    """`sqlite:PATH`, relative to the Platform's directory. Raises StateError for what is not supported."""
    return SqliteStore(_sqlite_path(location, base_dir), clock=clock, keyring=keyring)


def backup_store(location: str, *, base_dir: Path, now: datetime) -> Path:
    """Makes a backup of the state there and answers where it is. Raises StateError."""
    return backup(_sqlite_path(location, base_dir), now=now)


def _sqlite_path(location: str, base_dir: Path) -> Path:
    scheme, colon, rest = location.partition(":")
    if scheme != "sqlite" or not rest:
        # Not the whole text: an address of a server may have a password in it.
        raise StateError(f"state '{scheme}{colon}' is not supported by this version: use sqlite:PATH")
    return base_dir / rest
