"""The databases of one PostgreSQL server: each a role and a database of the same name, marked with its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.postgres import PostgresServer

if TYPE_CHECKING:
    import psycopg

MARK = "dpaas key "

_INSPECT = """
SELECT coalesce(d.datname, r.rolname), d.oid IS NOT NULL, r.oid IS NOT NULL, coalesce(r.rolcanlogin, false),
       coalesce(r.rolconnlimit, -1), r.rolpassword, pg_get_userbyid(d.datdba), shobj_description(d.oid, 'pg_database'),
       has_database_privilege('public', d.oid, 'CONNECT'),
       CASE WHEN {sizes} AND d.oid IS NOT NULL THEN pg_database_size(d.oid) END
FROM (SELECT * FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres') d
FULL JOIN (SELECT * FROM pg_authid WHERE oid >= 16384 AND rolcanlogin OR oid >= 16384 AND rolpassword IS NOT NULL) r
  ON r.rolname = d.datname
"""

# What a dropped role owned belongs to whoever dropped it. Objects of extensions and sequences of columns
# follow what they belong to.
_STRAY_OBJECTS = """
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype IN ('e', 'i')
                UNION SELECT classid, objid FROM pg_depend
                WHERE deptype = 'a' AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass),
own AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT format('ALTER SCHEMA %%I OWNER TO %%I', nspname, %(role)s::text) FROM pg_namespace
 WHERE oid IN (SELECT oid FROM own) AND nspname <> 'public' AND nspowner <> %(role)s::regrole
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid)
UNION ALL
SELECT format('ALTER TABLE %%s OWNER TO %%I', oid::regclass, %(role)s::text) FROM pg_class
 WHERE relnamespace IN (SELECT oid FROM own) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND relowner <> %(role)s::regrole
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid)
UNION ALL
SELECT format('ALTER ROUTINE %%s OWNER TO %%I', oid::regprocedure, %(role)s::text) FROM pg_proc
 WHERE pronamespace IN (SELECT oid FROM own) AND proowner <> %(role)s::regrole AND prokind <> 'a'
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid)
UNION ALL
SELECT format('ALTER TYPE %%s OWNER TO %%I', oid::regtype, %(role)s::text) FROM pg_type
 WHERE typnamespace IN (SELECT oid FROM own) AND typtype IN ('e', 'd', 'r') AND typowner <> %(role)s::regrole
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid)
UNION ALL
SELECT format('ALTER LARGE OBJECT %%s OWNER TO %%I', oid, %(role)s::text) FROM pg_largeobject_metadata
 WHERE lomowner <> %(role)s::regrole
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSpec:
    """A database as it should be. `verifier` is the SCRAM verifier of its role's password; limit -1 is none."""

    name: str
    key: str
    verifier: str = field(repr=False)
    connection_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """A database (or what is left of it) as it is. `key` is from its mark, None when it bears none."""

    exists: bool
    role_exists: bool
    can_login: bool
    connection_limit: int
    verifier: str | None = field(repr=False)
    owner: str | None
    key: str | None
    open_to_public: bool
    size_bytes: int | None = None


def inspect_all(server: PostgresServer, *, sizes: bool = False) -> Mapping[str, DatabaseFacts]:
    """Every database and role of ours on the server, in one query. `sizes` looks at each one's files too."""
    query = _INSPECT.format(sizes="true" if sizes else "false")
    with server.connect() as connection:
        rows = connection.execute(query.encode()).fetchall()
    return {
        name: DatabaseFacts(
            exists=exists,
            role_exists=role_exists,
            can_login=can_login,
            connection_limit=limit,
            verifier=verifier,
            owner=owner if exists else None,
            key=comment.removeprefix(MARK) if comment and comment.startswith(MARK) else None,
            open_to_public=bool(public),
            size_bytes=size,
        )
        for name, exists, role_exists, can_login, limit, verifier, owner, comment, public, size in rows
    }


def ensure_database(server: PostgresServer, spec: DatabaseSpec) -> tuple[str, ...]:
    """Makes role and database what the spec says, keeping all data; returns what was done, in words.

    Each step is idempotent, so that a crash between two of them is mended by the next call. Raises
    ProviderError (CONFLICT) when the name belongs to another key.
    """
    facts = inspect_all(server).get(spec.name)
    if facts and facts.exists and facts.key not in (None, spec.key):
        raise ProviderError(ErrorKind.CONFLICT, f"database {spec.name} on {server.name} belongs to {facts.key}")
    done: list[str] = []
    with server.connect() as connection:
        done += _ensure_role(connection, spec, facts)
        done += _ensure_database(connection, spec, facts)
    role_is_new = not (facts and facts.role_exists)
    if facts and facts.exists and (role_is_new or facts.owner != spec.name):
        done += _hand_back_objects(server, spec.name)
    return tuple(done)


def _ensure_role(
    connection: psycopg.Connection[tuple[Any, ...]], spec: DatabaseSpec, facts: DatabaseFacts | None
) -> list[str]:
    from psycopg import sql

    role, verifier, limit = sql.Identifier(spec.name), sql.Literal(spec.verifier), sql.Literal(spec.connection_limit)
    if not (facts and facts.role_exists):
        statement = sql.SQL(
            "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT {} PASSWORD {}"
        )
        connection.execute(statement.format(role, limit, verifier))
        return [f"created role {spec.name}"]
    done: list[str] = []
    if not facts.can_login:
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(role))
        done.append(f"let role {spec.name} log in again")
    if facts.verifier != spec.verifier:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, verifier))
        done.append(f"set the password of role {spec.name}")
    if facts.connection_limit != spec.connection_limit:
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, limit))
        done.append(f"set the connection limit of {spec.name} from {facts.connection_limit} to {spec.connection_limit}")
    return done


def _ensure_database(
    connection: psycopg.Connection[tuple[Any, ...]], spec: DatabaseSpec, facts: DatabaseFacts | None
) -> list[str]:
    from psycopg import sql

    name, done = sql.Identifier(spec.name), list[str]()
    exists = facts is not None and facts.exists
    if not exists:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
        done.append(f"created database {spec.name}, empty")
    elif facts and facts.owner != spec.name:
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, name))
        done.append(f"gave database {spec.name} back to its role")
    if not (facts and exists and facts.key):
        mark = sql.Literal(MARK + spec.key)
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, mark))
    if not (facts and exists and not facts.open_to_public):
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        if exists:
            done.append(f"closed database {spec.name} to other roles")
    return done


def _hand_back_objects(server: PostgresServer, name: str) -> list[str]:
    with server.connect(name) as connection:
        # With an empty path the names in the statements are qualified.
        connection.execute("SET search_path = ''")
        statements = [row[0] for row in connection.execute(_STRAY_OBJECTS, {"role": name}).fetchall()]
        for statement in statements:
            connection.execute(statement.encode())
    return [f"gave {len(statements)} objects in {name} back to its role"] if statements else []


def set_connection_limit(server: PostgresServer, name: str, limit: int) -> None:
    """How many connections a role may hold at once; -1 is no limit. Those that are open stay."""
    from psycopg import sql

    with server.connect() as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(sql.Identifier(name), sql.Literal(limit))
        )


def drop_database(server: PostgresServer, name: str, *, key: str) -> None:
    """Ends the database's connections and removes it with its role; a no-op when both are gone.

    Raises ProviderError (CONFLICT), and drops nothing, when the database is marked with another key.
    """
    from psycopg import sql

    facts = inspect_all(server).get(name)
    if facts is None:
        return
    if facts.key not in (None, key):
        raise ProviderError(ErrorKind.CONFLICT, f"database {name} on {server.name} belongs to {facts.key}, not {key}")
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
