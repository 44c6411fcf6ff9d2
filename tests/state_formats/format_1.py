"""Writes a state of format 1, statement by statement, as its first version did.

Never changed: it stands for the files that people have. A newer format gets a builder of its own.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

KEY = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SEALED_BY_KEY = "gAAAAABrBXUIhsUa5A2lh1F5tOFEEhpvptVQwttzJ5VPy0LPq_uyOmOy-a_MOTVgE_BwmwBYu7IMp1fdg9wHKz4-TKJzT1nCjw=="

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
"""

ADDON = (
    '{"address":"addon.shop/DATABASE","instance":"i1","region":"us","remote_id":"pg-1","status":"current",'
    '"attributes":{"plan":"postgres:standard-0","app":{"$ref":["app.shop","name"]}},'
    '"outputs":{"url":{"$secret":["@shop/DATABASE.url",2,"d2"]},"size":{"$unknown":true}},'
    '"dependencies":["app.shop"],"price_cents":5000,"type_version":1}'
)
OLD_ADDON = ADDON.replace('"i1"', '"i0"').replace('"current"', '"deposed"')
ENTRY = (
    '{"id": "%s", "started_at": "2026-01-01T00:00:00+00:00", "finished_at": null, "actor": "ann", "command": "apply",'
    ' "outcome": "running", "plan_digest": "abc", "summary": {"create": 2}, "failures": ["app.shop: refused"]}'
)
HOLD = '{"app": "shop", "version": 3, "source": "s1", "since": "2026-01-01T00:00:00+00:00", "by": "ann"}'

ROWS = {
    "meta": [("format", "1"), ("lineage", "0123456789abcdef"), ("key", "77c8fd917b20")],
    "scopes": [("acme/default/main", "acme", "default", "main", 7), ("acme/eu/main", "acme", "eu", "main", 0)],
    "resources": [
        ("acme/default/main", "addon.shop/DATABASE", "i0", OLD_ADDON),
        ("acme/default/main", "addon.shop/DATABASE", "i1", ADDON),
    ],
    "intents": [("acme/default/main", "create:app.blog#i2", "create", "app.blog", "i2", "eu")],
    "leases": [("acme/default/main", "ann@host (process 1)", 4, 1767225600.0, 1767225660.0)],
    "history": [
        ("acme/default/main", "20260101T000000-3", ENTRY % "20260101T000000-3"),
        ("acme/default/main", "20260101T000000-4", ENTRY % "20260101T000000-4"),
    ],
    "holds": [("acme/default/main", "shop", HOLD)],
    "secrets": [("shop/key", 1, "dd1a77b05ec09e943d94", SEALED_BY_KEY)],
}


def build(path: Path) -> None:
    """Makes the file, which must not exist."""
    with closing(sqlite3.connect(path)) as connection:
        with connection:
            connection.executescript(TABLES)
            for table, rows in ROWS.items():
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        connection.execute("PRAGMA journal_mode = WAL")
