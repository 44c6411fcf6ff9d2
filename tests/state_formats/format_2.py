"""Writes a state of format 2: that of format 1, and the plan of what has begun, with a history that tells of its steps.

Never changed: it stands for the files that people have. A newer format gets a builder of its own.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import format_1

BEGUN = "CREATE TABLE begun (scope TEXT PRIMARY KEY, entry TEXT NOT NULL, body TEXT NOT NULL) STRICT"
LAST = format_1.ENTRY % "20260101T000000-4"
ROWS = {
    **format_1.ROWS,
    "meta": [("format", "2"), *format_1.ROWS["meta"][1:]],
    "history": [
        format_1.ROWS["history"][0],
        ("acme/default/main", "20260101T000000-4", f'{LAST[:-1]}, "steps": 6, "under_way": ["create app.blog"]}}'),
    ],
    "begun": [("acme/default/main", "20260101T000000-4", '{"format": 1}')],
}


def build(path: Path) -> None:
    """Makes the file, which must not exist."""
    with closing(sqlite3.connect(path)) as connection:
        with connection:
            connection.executescript(format_1.TABLES)
            connection.execute(BEGUN)
            for table, rows in ROWS.items():
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        connection.execute("PRAGMA journal_mode = WAL")
