"""The platform's key: made once, and never made anew over what another key has sealed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from declarative_paas.vault.keyring import Keyring, VaultError
from declarative_paas.workflow.project import Project


def project_key(project: Project) -> Keyring:
    """Reads the key file; makes it when nothing was ever sealed. Raises VaultError.

    A lost key that is silently replaced would make every secret unreadable, and look like a new platform.
    """
    path = project.key_file
    if not path.exists() and _anything_sealed(project):
        raise _missing(path)
    return Keyring.load_or_create(path)


def existing_key(project: Project, *, anything_stored: bool) -> Keyring | None:
    """The key as far as there is one: None before anything was sealed. Makes nothing. Raises VaultError."""
    path = project.key_file
    if path.exists():
        return Keyring.load(path)
    if anything_stored or _anything_sealed(project):
        raise _missing(path)
    return None


def _missing(path: Path) -> VaultError:
    return VaultError(f"the key file {path} is missing: restore it, for nothing sealed with it opens without it")


def _anything_sealed(project: Project) -> bool:
    """Whether a local region or a state file beside the key holds something sealed."""
    regions = any(_has_rows(path, "records", 'body LIKE \'%"sealed": "g%\'') for path in _region_files(project.home))
    state = project.manifests.platform.spec.state
    scheme, _, name = state.partition(":")
    return regions or (scheme == "sqlite" and _has_rows(project.directory / name, "secrets", "1"))


def _region_files(home: Path) -> list[Path]:
    return sorted(home.glob("regions/*/region.db"))


def _has_rows(path: Path, table: str, condition: str) -> bool:
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone()
            return row is not None
    except sqlite3.Error:
        return True  # unreadable is not empty
