"""The format of a state in PostgreSQL, and the steps from an older one to this."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias

from declarative_paas.core.state import StateError

if TYPE_CHECKING:
    import psycopg

Row: TypeAlias = tuple[Any, ...]
Statement: TypeAlias = tuple[LiteralString, Sequence[Any]]

FORMAT = 2

_BEGUN: LiteralString = "CREATE TABLE begun (scope text PRIMARY KEY, entry text NOT NULL, body text NOT NULL)"

# Names sort by bytes, as in the other stores. JSON is kept as the text it was: jsonb would refuse "\u0000".
TABLES: tuple[LiteralString, ...] = (
    "CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL)",
    "CREATE TABLE scopes (scope text PRIMARY KEY, platform text NOT NULL, environment text NOT NULL,"
    " stack text NOT NULL, serial bigint NOT NULL)",
    'CREATE TABLE resources (scope text, address text, instance text COLLATE "C", body text NOT NULL,'
    " PRIMARY KEY (scope, address, instance))",
    'CREATE TABLE intents (scope text, step text COLLATE "C", body text NOT NULL, PRIMARY KEY (scope, step))',
    "CREATE TABLE leases (scope text PRIMARY KEY, holder text NOT NULL, fence bigint NOT NULL,"
    " acquired timestamptz NOT NULL, expires timestamptz NOT NULL)",
    "CREATE TABLE history (scope text, id text, number bigint GENERATED ALWAYS AS IDENTITY, body text NOT NULL,"
    " PRIMARY KEY (scope, id))",
    'CREATE TABLE holds (scope text, app text COLLATE "C", body text NOT NULL, PRIMARY KEY (scope, app))',
    'CREATE TABLE secrets (name text COLLATE "C", version integer, digest text NOT NULL, sealed text NOT NULL,'
    " PRIMARY KEY (name, version))",
    _BEGUN,
)

if TYPE_CHECKING:
    Upgrade = Callable[[psycopg.Connection[Row]], None]


def _keep_begun_plans(connection: psycopg.Connection[Row]) -> None:
    """The plan of an interrupted apply is shared with the state, no longer a file beside one checkout."""
    connection.execute(_BEGUN)


UPGRADES: Mapping[int, Upgrade] = {1: _keep_begun_plans}
"""From format N to N + 1. Each runs with the schema as the search path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresFormats:
    """What a version of this program reads: the format it writes, and the steps from older ones to it."""

    current: int = FORMAT
    upgrades: Mapping[int, Upgrade] = field(default_factory=lambda: UPGRADES)


def lock_key(schema: str) -> int:
    """The advisory lock of one state: whoever writes shares it, whoever makes or upgrades it has it alone."""
    return int.from_bytes(hashlib.sha256(f"dpaas state {schema}".encode()).digest()[:8], signed=True)


def create(connection: psycopg.Connection[Row], schema: str, lineage: str) -> None:
    """Makes an empty state, if there is none yet. Runs inside the caller's transaction, under the lock alone."""
    from psycopg import sql

    if connection.execute(*made(schema)).fetchone() is not None:
        return
    found = connection.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if found is None:
        # Not IF NOT EXISTS: that needs the right to create schemas even where an administrator made this one.
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    for statement in TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('format', %s), ('lineage', %s)", (str(FORMAT), lineage))


def made(schema: str) -> Statement:
    """Has a row where there is a state. Asks the catalogue, which everybody may read: others hide what they may not."""
    return (
        "SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'meta'",
        (schema,),
    )


def upgrade(connection: psycopg.Connection[Row], found: int, formats: PostgresFormats) -> None:
    """Brings an older format up to date, step by step. Runs inside the caller's transaction. Raises StateError."""
    for number in range(found, formats.current):
        step = formats.upgrades.get(number)
        if step is None:
            raise StateError(f"format {number} is too old for this version: upgrade with an older dpaas first")
        step(connection)
    connection.execute("UPDATE meta SET value = %s WHERE name = 'format'", (str(formats.current),))
