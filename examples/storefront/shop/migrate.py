"""The release phase: brings the database's schema up to date. Run again, it changes nothing.

A migration is a file `migrations/NNNN_name.sql`; the table `schema_migrations` remembers which have run.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

MIGRATIONS = Path(__file__).parent / "migrations"

_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")

# Any number will do, if all releases of this app use the same: two release phases must not migrate at once.
_LOCK = 7_304_001

_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class Migration(NamedTuple):
    """One step of the schema; sorts by its number."""

    version: int
    name: str
    path: Path


def find_migrations(directory: Path) -> list[Migration]:
    """The directory's migrations, by number. Raises ValueError for a bad name, a gap or a number used twice."""
    found = sorted(_migration(path) for path in directory.glob("*.sql"))
    numbers = [migration.version for migration in found]
    expected = list(range(1, len(found) + 1))
    if numbers != expected:
        raise ValueError(f"migrations must be numbered 1 to {len(found)} without gap or repetition, not {numbers}")
    return found


def pending(migrations: list[Migration], applied: Collection[int]) -> list[Migration]:
    """Those that have not run, in the order to run them."""
    return [migration for migration in sorted(migrations) if migration.version not in applied]


def migrate(database_url: str, migrations: list[Migration]) -> list[Migration]:
    """Runs what is pending, all of it or nothing, and returns it."""
    import psycopg

    with psycopg.connect(database_url, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(_CREATE_TABLE)
        applied = {version for (version,) in connection.execute("SELECT version FROM schema_migrations")}
        todo = pending(migrations, applied)
        for migration in todo:
            connection.execute(migration.path.read_bytes())
            connection.execute(
                "INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (migration.version, migration.name)
            )
    return todo


def main() -> int:
    done = migrate(os.environ["DATABASE_URL"], find_migrations(MIGRATIONS))
    for migration in done:
        print(f"applied migration {migration.version}: {migration.name}")
    if not done:
        print("the schema is up to date")
    return 0


def _migration(path: Path) -> Migration:
    matched = _FILE_NAME.match(path.name)
    if matched is None:
        raise ValueError(f"{path.name} is no migration: expected NNNN_name.sql, such as 0003_customers.sql")
    return Migration(int(matched[1]), matched[2], path)


if __name__ == "__main__":
    sys.exit(main())
