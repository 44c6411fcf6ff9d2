"""The databases of one PostgreSQL server: each a role and a database of the same name, marked with its key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.postgres_follow_names import holder_role
from declarative_paas.providers.addons.postgres_follow_remains import end_following
from declarative_paas.providers.addons.sqltext import identifier, literal

MARK = "dpaas key "

_INSPECT = """
SELECT coalesce(d.datname, r.rolname) AS name, d.oid IS NOT NULL AS exists, r.oid IS NOT NULL AS role_exists,
       coalesce(r.rolcanlogin, false) AS can_login, coalesce(r.rolconnlimit, -1) AS connection_limit,
       r.rolpassword AS verifier, pg_get_userbyid(d.datdba) AS owner,
       shobj_description(d.oid, 'pg_database') AS comment,
       coalesce(has_database_privilege('public', d.oid, 'CONNECT'), false) AS open_to_public,
       CASE WHEN {sizes} AND d.oid IS NOT NULL THEN pg_database_size(d.oid) END AS size_bytes
FROM (SELECT * FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'
        AND datname !~ '^dpaas_(making|old)_') d
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
SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, {role}::text) AS statement FROM pg_namespace
 WHERE oid IN (SELECT oid FROM own) AND nspname <> 'public' AND nspowner <> {role}::regrole
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid)
UNION ALL
SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, {role}::text) FROM pg_class
 WHERE relnamespace IN (SELECT oid FROM own) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND relowner <> {role}::regrole
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid)
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I', oid::regprocedure, {role}::text) FROM pg_proc
 WHERE pronamespace IN (SELECT oid FROM own) AND proowner <> {role}::regrole AND prokind <> 'a'
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid)
UNION ALL
SELECT format('ALTER TYPE %s OWNER TO %I', oid::regtype, {role}::text) FROM pg_type
 WHERE typnamespace IN (SELECT oid FROM own) AND typtype IN ('e', 'd', 'r') AND typowner <> {role}::regrole
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid)
UNION ALL
SELECT format('ALTER LARGE OBJECT %s OWNER TO %I', oid, {role}::text) FROM pg_largeobject_metadata
 WHERE lomowner <> {role}::regrole
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
    """A database (or what is left of it) as it is. `key` is from its mark, None when it bears none.

    `is_held`: it follows another one, and belongs to the role that holds it meanwhile.
    """

    exists: bool
    role_exists: bool
    can_login: bool
    connection_limit: int
    verifier: str | None = field(repr=False)
    owner: str | None
    key: str | None
    open_to_public: bool
    is_held: bool = False
    size_bytes: int | None = None


class SqlSession(Protocol):
    """An administrator's session; each call commits. Raises ProviderError: UNAVAILABLE, or FAILED for a statement."""

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of one query, by column, as JSON has them."""
        ...

    def run(self, statements: list[str]) -> None: ...


class DatabaseServer(Protocol):
    """A PostgreSQL server as its administrator reaches it, wherever it is."""

    @property
    def name(self) -> str: ...

    def session(self, database: str = "postgres") -> AbstractContextManager[SqlSession]:
        """With an empty search path: names outside of pg_catalog are told, and read, qualified."""
        ...


def inspect_all(server: DatabaseServer, *, sizes: bool = False) -> Mapping[str, DatabaseFacts]:
    """Every database and role of ours on the server, in one query. `sizes` looks at each one's files too."""
    with server.session() as session:
        rows = session.rows(_INSPECT.format(sizes="true" if sizes else "false"))
    return {row["name"]: _facts(row) for row in rows}


def _facts(row: Mapping[str, Any]) -> DatabaseFacts:
    comment = row["comment"]
    return DatabaseFacts(
        exists=row["exists"],
        role_exists=row["role_exists"],
        can_login=row["can_login"],
        connection_limit=row["connection_limit"],
        verifier=row["verifier"],
        owner=row["owner"] if row["exists"] else None,
        key=comment.removeprefix(MARK) if comment and comment.startswith(MARK) else None,
        open_to_public=row["open_to_public"],
        is_held=row["exists"] and row["owner"] == holder_role(row["name"]),
        size_bytes=row["size_bytes"],
    )


def ensure_database(server: DatabaseServer, spec: DatabaseSpec) -> tuple[str, ...]:
    """Makes role and database what the spec says, keeping all data; returns what was done, in words.

    Each step is idempotent, so that a crash between two of them is mended by the next call. Raises
    ProviderError (CONFLICT) when the name belongs to another key.
    """
    facts = inspect_all(server).get(spec.name)
    if facts and facts.exists and facts.key not in (None, spec.key):
        raise ProviderError(ErrorKind.CONFLICT, f"database {spec.name} on {server.name} belongs to {facts.key}")
    steps = [*_role_steps(spec, facts), *_database_steps(spec, facts)]
    if steps:
        with server.session() as session:
            session.run([statement for statement, _ in steps])
    done = [words for _, words in steps if words]
    role_is_new = not (facts and facts.role_exists)
    if facts and facts.exists and not facts.is_held and (role_is_new or facts.owner != spec.name):
        done += _hand_back_objects(server, spec.name)
    return tuple(done)


def _role_steps(spec: DatabaseSpec, facts: DatabaseFacts | None) -> list[tuple[str, str]]:
    """Statements, each with what it does in words ("" when that goes without saying)."""
    role, verifier, limit = identifier(spec.name), literal(spec.verifier), literal(spec.connection_limit)
    if not (facts and facts.role_exists):
        options = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
        statement = f"CREATE ROLE {role} {options} CONNECTION LIMIT {limit} PASSWORD {verifier}"
        return [(statement, f"created role {spec.name}")]
    steps: list[tuple[str, str]] = []
    if not facts.can_login:
        steps.append((f"ALTER ROLE {role} LOGIN", f"let role {spec.name} log in again"))
    if facts.verifier != spec.verifier:
        steps.append((f"ALTER ROLE {role} PASSWORD {verifier}", f"set the password of role {spec.name}"))
    if facts.connection_limit != spec.connection_limit:
        words = f"set the connection limit of {spec.name} from {facts.connection_limit} to {spec.connection_limit}"
        steps.append((f"ALTER ROLE {role} CONNECTION LIMIT {limit}", words))
    return steps


def _database_steps(spec: DatabaseSpec, facts: DatabaseFacts | None) -> list[tuple[str, str]]:
    name, steps = identifier(spec.name), list[tuple[str, str]]()
    exists = facts is not None and facts.exists
    if not exists:
        steps.append((f"CREATE DATABASE {name} OWNER {name}", f"created database {spec.name}, empty"))
    elif facts and facts.owner != spec.name and not facts.is_held:
        steps.append((f"ALTER DATABASE {name} OWNER TO {name}", f"gave database {spec.name} back to its role"))
    if not (facts and exists and facts.key):
        steps.append((f"COMMENT ON DATABASE {name} IS {literal(MARK + spec.key)}", ""))
    if not (facts and exists and not facts.open_to_public):
        words = f"closed database {spec.name} to other roles" if exists else ""
        steps.append((f"REVOKE ALL ON DATABASE {name} FROM PUBLIC", words))
    return steps


def _hand_back_objects(server: DatabaseServer, name: str) -> list[str]:
    with server.session(name) as session:
        rows = session.rows(_STRAY_OBJECTS.format(role=literal(name)))
        if rows:
            session.run([row["statement"] for row in rows])
    return [f"gave {len(rows)} objects in {name} back to its role"] if rows else []


def drop_database(server: DatabaseServer, name: str, *, key: str) -> None:
    """Ends the database's connections and removes it with its role; a no-op when both are gone.

    Raises ProviderError (CONFLICT), and drops nothing, when the database is marked with another key.
    """
    facts = inspect_all(server).get(name)
    if facts is None:
        return
    if facts.key not in (None, key):
        raise ProviderError(ErrorKind.CONFLICT, f"database {name} on {server.name} belongs to {facts.key}, not {key}")
    if facts.exists:
        end_following(server, name)
    names = [name, *companions(name)]
    statements = [f"DROP DATABASE IF EXISTS {identifier(each)} WITH (FORCE)" for each in names]
    statements += [f"DROP ROLE IF EXISTS {identifier(each)}" for each in (name, holder_role(name))]
    with server.session() as session:
        session.run(statements)


def companions(name: str) -> tuple[str, str]:
    """Beside a database while a dump is restored over it: what it becomes, and what it was."""
    # PostgreSQL cuts names at 63 bytes, and the end of ours is what tells two of them apart.
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"dpaas_making_{digest}", f"dpaas_old_{digest}"
