"""A database's content replaced by a dump's: filled beside it, then put in its place in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.databases import MARK, DatabaseServer, DatabaseSpec, companions
from declarative_paas.providers.addons.postgres_follow_remains import refuse_replacement
from declarative_paas.providers.addons.sqltext import identifier, literal

SWAP_TRIES: Final = 10
PAUSE_S: Final = 0.3

_TABLES: Final = """
SELECT count(*) AS tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


def count_tables(server: DatabaseServer, database: str) -> int:
    """Tables, materialised views and sequences of the database: 0 when nothing would be lost with it."""
    with server.session(database) as session:
        return int(session.rows(_TABLES)[0]["tables"])


def refill(server: DatabaseServer, spec: DatabaseSpec, fill: Callable[[str], None]) -> None:
    """Replaces all that is in the database by what `fill` restores into the empty database that it gets.

    Until the very last moment the database serves as it was, and a failed `fill` leaves it alone. Then its
    connections are ended and it is another one, under its name. Raises ProviderError.
    """
    refuse_replacement(server, spec.name)
    making, old = companions(spec.name)
    with server.session() as session:
        session.run(
            [
                f"DROP DATABASE IF EXISTS {identifier(making)} WITH (FORCE)",
                f"DROP DATABASE IF EXISTS {identifier(old)} WITH (FORCE)",
                f"CREATE DATABASE {identifier(making)} OWNER {identifier(spec.name)} TEMPLATE template0",
                f"REVOKE ALL ON DATABASE {identifier(making)} FROM PUBLIC",
                f"COMMENT ON DATABASE {identifier(making)} IS {literal(MARK + spec.key)}",
            ]
        )
    try:
        fill(making)
        _swap(server, spec.name, making, old)
    finally:
        with server.session() as session:
            session.run([f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)" for name in (making, old)])


def _swap(server: DatabaseServer, name: str, making: str, old: str) -> None:
    """A database can be renamed when nobody is connected; whoever comes back in between is sent away again."""
    send_away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {literal(name)}"
    renames = (
        f"ALTER DATABASE {identifier(name)} RENAME TO {identifier(old)}",
        f"ALTER DATABASE {identifier(making)} RENAME TO {identifier(name)}",
    )
    for attempt in range(1, SWAP_TRIES + 1):
        try:
            with server.session() as session:
                session.rows(send_away)
                session.run([f"BEGIN; {'; '.join(renames)}; COMMIT"])
            return
        except ProviderError as problem:
            if problem.kind is not ErrorKind.FAILED or attempt == SWAP_TRIES:
                raise
        time.sleep(PAUSE_S)
