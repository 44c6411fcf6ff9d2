"""Copies of one scope of a state in PostgreSQL: a JSON file beside the project, before its record is edited.

They are for looking things up and putting a record back by hand. The database as a whole is backed up as
databases are, by its administrator.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.address import Scope
from declarative_paas.core.state import StateError
from declarative_paas.state.postgres_database import PostgresDatabase
from declarative_paas.state.postgres_location import PostgresLocation

KEPT: Final = 10
_STAMP: Final = "%Y%m%dT%H%M%S.%fZ"


def backup(location: PostgresLocation, scope: Scope, *, folder: Path, now: datetime) -> Path:
    """Writes the scope's rows, of one moment, to `folder/DATABASE-SCOPE-<UTC time>.json` and keeps the newest 10.

    Mode 0600. Secrets are in it as they are in the database: sealed. Raises StateError.
    """
    database = PostgresDatabase(location, new_lineage=str)
    try:
        document = _rows(database, scope)
    finally:
        database.close()
    stem = stem_of(location, scope)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _write(folder, stem, json.dumps(document, indent=1) + "\n", now)
        for old in backups(folder, stem)[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as problem:
        raise StateError(f"no backup could be written to {folder}: {problem.strerror}") from None
    return made


def stem_of(location: PostgresLocation, scope: Scope) -> str:
    """What the names of a scope's backups begin with."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{location.database}-{scope}")


def backups(folder: Path, stem: str) -> list[Path]:
    """The backups of one scope, newest first. Other files in the directory are none."""
    pattern = re.compile(re.escape(stem) + r"-\d{8}T\d{6}\.\d{6}Z\.json")
    return sorted((item for item in folder.iterdir() if pattern.fullmatch(item.name)), reverse=True)


def _rows(database: PostgresDatabase, scope: Scope) -> dict[str, Any]:
    key = (str(scope),)
    found = database.read(
        ("SELECT name, value FROM meta ORDER BY name", ()),
        ("SELECT serial FROM scopes WHERE scope = %s", key),
        ("SELECT body FROM resources WHERE scope = %s ORDER BY address, instance", key),
        ("SELECT body FROM intents WHERE scope = %s ORDER BY step", key),
        ("SELECT body FROM holds WHERE scope = %s ORDER BY app", key),
        ("SELECT body FROM history WHERE scope = %s ORDER BY number", key),
        # Of all scopes: they share their secrets.
        ("SELECT name, version, digest, sealed FROM secrets ORDER BY name, version", ()),
    )
    if found is None:
        raise StateError(f"there is no state at {database.place} to make a backup of")
    meta, serial, *bodies, secrets = found
    resources, intents, holds, history = ([json.loads(row[0]) for row in rows] for rows in bodies)
    return {
        **dict(meta),
        "place": database.place,
        "scope": [scope.platform, scope.environment, scope.stack],
        "serial": serial[0][0] if serial else 0,
        "resources": resources,
        "intents": intents,
        "holds": holds,
        "history": history,
        "secrets": [dict(zip(("name", "version", "digest", "sealed"), row, strict=True)) for row in secrets],
    }


def _write(folder: Path, stem: str, text: str, now: datetime) -> Path:
    """Under the first free name, and only there once it is whole and durable."""
    partial = folder / f".{stem}-{os.getpid()}.partial"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        moment = now.astimezone(UTC)
        while True:
            target = folder / f"{stem}-{moment.strftime(_STAMP)}.json"
            try:
                os.link(partial, target)
            except FileExistsError:
                moment += timedelta(microseconds=1)
            else:
                return target
    finally:
        partial.unlink(missing_ok=True)
