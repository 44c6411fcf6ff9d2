"""The SQLite format, and the steps from an older one to this."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from declarative_paas.core.state import StateError

FORMAT = 2

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE scopes (
    scope TEXT PRIMARY KEY, platform TEXT NOT NULL, environment TEXT NOT NULL, stack TEXT NOT NULL,
    serial INTEGER NOT NULL
) STRICT;
CREATE TABLE resources (
    scope TEXT NOT NULL, address TEXT NOT NULL, instance TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (scope, address, instance)
) STRICT, WITHOUT ROWID;
CREATE TABLE intents (
    scope TEXT NOT NULL, step TEXT NOT NULL, operation TEXT NOT NULL, address TEXT NOT NULL,
    instance TEXT NOT NULL, region TEXT NOT NULL, PRIMARY KEY (scope, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    scope TEXT PRIMARY KEY, holder TEXT NOT NULL, fence INTEGER NOT NULL, acquired REAL NOT NULL, expires REAL NOT NULL
) STRICT;
CREATE TABLE history (
    scope TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (scope, id)
) STRICT;
CREATE TABLE holds (
    scope TEXT NOT NULL, app TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (scope, app)
) STRICT;
CREATE TABLE secrets (
    name TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL, sealed TEXT NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE begun (scope TEXT PRIMARY KEY, entry TEXT NOT NULL, body TEXT NOT NULL) STRICT;
"""

Upgrade = Callable[[sqlite3.Connection], None]


def _keep_begun_plans(connection: sqlite3.Connection) -> None:
    """The plan of an interrupted apply is shared with the state, no longer a file beside the project."""
    connection.execute("CREATE TABLE begun (scope TEXT PRIMARY KEY, entry TEXT NOT NULL, body TEXT NOT NULL) STRICT")


UPGRADES: Mapping[int, Upgrade] = {1: _keep_begun_plans}
"""From format N to N + 1. `tests/state_formats/` keeps a file of every format there was opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """What a version of this program reads: the format it writes, and the steps from older ones to it."""

    current: int = FORMAT
    upgrades: Mapping[int, Upgrade] = field(default_factory=lambda: UPGRADES)


def create(connection: sqlite3.Connection, lineage: str) -> None:
    """Makes an empty state. Runs inside the caller's transaction."""
    for statement in TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [("format", str(FORMAT)), ("lineage", lineage)])


def upgrade(connection: sqlite3.Connection, found: int, formats: Formats) -> None:
    """Brings an older format up to date, step by step. Runs inside the caller's transaction. Raises StateError."""
    for number in range(found, formats.current):
        step = formats.upgrades.get(number)
        if step is None:
            raise StateError(f"format {number} is too old for this version: upgrade with an older dpaas first")
        step(connection)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", (str(formats.current),))
