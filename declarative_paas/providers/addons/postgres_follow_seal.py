"""A database that its app may only read, whatever it sets: everything in it belongs to another role meanwhile.

A setting (`default_transaction_read_only`) is the session's to change. What belongs to nobody the app can be is not:
`REASSIGN OWNED` takes all of it from the app's role at once, and gives it back at once. What else would let the app
write is taken away, each with the statement that gives it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from declarative_paas.providers.addons.postgres_client import PostgresClient
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA
from declarative_paas.providers.addons.sqltext import identifier, literal

# What everybody may: the app is somebody too.
_OPEN_TABLES: Final = """
SELECT format('REVOKE %s ON %s %I.%I FROM PUBLIC', a.privilege_type, k.kind, n.nspname, c.relname) AS do,
 format('GRANT %s ON %s %I.%I TO PUBLIC', a.privilege_type, k.kind, n.nspname, c.relname) AS undo
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN aclexplode(c.relacl) a
CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind) k
WHERE a.grantee = 0 AND a.privilege_type <> 'SELECT' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_OPEN_COLUMNS: Final = """
SELECT format('REVOKE %s (%I) ON TABLE %I.%I FROM PUBLIC', a.privilege_type, t.attname, n.nspname, c.relname) AS do,
 format('GRANT %s (%I) ON TABLE %I.%I TO PUBLIC', a.privilege_type, t.attname, n.nspname, c.relname) AS undo
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN aclexplode(t.attacl) a
WHERE a.grantee = 0 AND a.privilege_type <> 'SELECT' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_OPEN_SCHEMAS: Final = """
SELECT format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', n.nspname) AS do,
 format('GRANT CREATE ON SCHEMA %I TO PUBLIC', n.nspname) AS undo
FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE'
"""

# A routine that runs as its owner would run as the one who may write. Nobody but its owner ever called it.
_DEFINERS: Final = """
SELECT format('ALTER ROUTINE %s SECURITY INVOKER', p.oid::regprocedure) AS do,
 format('ALTER ROUTINE %s SECURITY DEFINER', p.oid::regprocedure) AS undo
FROM pg_proc p WHERE p.prosecdef AND p.proowner = {owner}::regrole
"""

# Row security spares a table's owner, which the app was and is not now; where it is forced it does not, and
# then not through the owner's views either.
_ROWS: Final = """
SELECT format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', c.oid::regclass) AS do,
 format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass) AS undo
FROM pg_class c WHERE c.relrowsecurity AND NOT c.relforcerowsecurity AND c.relowner = {owner}::regrole
"""

_VIEWS: Final = """
SELECT format('ALTER VIEW %s SET (security_invoker = true)', c.oid::regclass) AS do,
 format('ALTER VIEW %s RESET (security_invoker)', c.oid::regclass) AS undo
FROM pg_class c WHERE c.relkind = 'v' AND c.relowner = {owner}::regrole
 AND NOT coalesce(c.reloptions::text, '') ~ 'security_invoker'
 AND EXISTS (SELECT FROM pg_class f WHERE f.relrowsecurity AND f.relforcerowsecurity)
"""

# Everybody may make large objects, which no table's rights keep.
_LARGE_OBJECTS: Final = """
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f::regprocedure) AS do,
 format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', f::regprocedure) AS undo
FROM unnest('{{pg_catalog.lo_creat(int4),pg_catalog.lo_create(oid),"pg_catalog.lo_from_bytea(oid,bytea)"}}'::text[]) f
"""

_CHANGES: Final = (_OPEN_TABLES, _OPEN_COLUMNS, _OPEN_SCHEMAS, _DEFINERS, _ROWS, _VIEWS, _LARGE_OBJECTS)

# Once they are the app's again, these grants say nothing: they are an owner's anyway.
_READING: Final = f"""
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, {{app}}::text) AS statement FROM pg_namespace n
 WHERE n.nspowner = {{app}}::regrole AND n.nspname <> '{MARK_SCHEMA}'
UNION ALL
SELECT format('GRANT SELECT ON %s %I.%I TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
  n.nspname, c.relname, {{app}}::text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relowner = {{app}}::regrole AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_'
UNION ALL
SELECT format('GRANT EXECUTE ON ROUTINE %s TO %I', p.oid::regprocedure, {{app}}::text) FROM pg_proc p
 WHERE p.proowner = {{app}}::regrole AND p.proacl IS NOT NULL
UNION ALL
SELECT format('GRANT USAGE ON SCHEMA public TO %I', {{app}}::text) FROM pg_namespace
 WHERE nspname = 'public' AND NOT has_schema_privilege('public', oid, 'USAGE')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Scripts that make a database readable only, and that undo it: `undo` is all that must be remembered."""

    apply: str
    undo: tuple[str, ...]


def seal(client: PostgresClient, database: str, app: str, holder: str) -> Seal:
    """What has to be done so that `app` may only read, and `holder` owns its database and all that is in it.

    `client` is the server's administrator. The scripts are for one transaction.
    """
    given = client.rows(_READING.format(app=literal(app)), "reading what the app owns")
    query = " UNION ALL ".join(change.format(owner=literal(app)) for change in _CHANGES)
    changes = client.rows(query, "reading what the app may")
    statements = [
        *(change["do"] for change in changes),
        f"REASSIGN OWNED BY {identifier(app)} TO {identifier(holder)}",
        f"GRANT CONNECT ON DATABASE {identifier(database)} TO {identifier(app)}",
        *(row["statement"] for row in given),
    ]
    return Seal(apply=script(statements), undo=tuple(change["undo"] for change in changes))


def unsealed(database: str, app: str, holder: str, undo: Sequence[str]) -> str:
    """A script that gives everything back to the app. `undo` is the seal's."""
    return script([*undo, f"REASSIGN OWNED BY {identifier(holder)} TO {identifier(app)}"])


def script(statements: Sequence[str]) -> str:
    """Statements one after the other."""
    return "".join(f"{statement};\n" for statement in statements)
