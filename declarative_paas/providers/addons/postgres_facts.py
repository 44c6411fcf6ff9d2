"""A database as a copy sees it: one query on either side, and the pure comparison that refuses a copy."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from declarative_paas.core.data import DataFacts
from declarative_paas.core.diagnostic import Diagnostic, error, warning
from declarative_paas.providers.addons.clock_skew import clock_objections
from declarative_paas.providers.addons.postgres_client import PostgresClient
from declarative_paas.providers.addons.sqltext import literal

SERVICE: Final = "postgres"
MARK_SCHEMA: Final = "dpaas_copy"

_FIRST_NORMAL_OID: Final = 16384  # access/transam.h: everything below comes with the server
_CATALOGS: Final = (
    "pg_class", "pg_proc", "pg_type", "pg_namespace", "pg_extension", "pg_largeobject_metadata", "pg_operator",
    "pg_opclass", "pg_cast", "pg_collation", "pg_conversion", "pg_ts_config", "pg_ts_dict", "pg_event_trigger",
    "pg_publication", "pg_foreign_server", "pg_language",
)  # fmt: skip

_CONTENT: Final = " + ".join(
    f"(SELECT count(*) FROM {catalog} WHERE oid >= {_FIRST_NORMAL_OID}"
    + (f" AND nspname <> '{MARK_SCHEMA}' AND nspname !~ '^pg_(toast_)?temp_'" if catalog == "pg_namespace" else "")
    + ")"
    for catalog in _CATALOGS
)

# Extensions keep a few objects in no schema of a user; those of a user's schemas are what is copied.
OWN: Final = f"""
 n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '{MARK_SCHEMA}')
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""

_FACTS: Final = f"""
SELECT current_setting('server_version') AS version, pg_encoding_to_char(b.encoding) AS encoding,
 b.datcollate AS collate, b.datctype AS ctype, b.datlocprovider::text AS provider,
 pg_database_size(b.oid) AS size, r.rolsuper AS is_admin, o.rolconnlimit AS role_limit,
 current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS server_limit,
 (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS server_used,
 (SELECT count(*) FROM pg_stat_activity WHERE usename = o.rolname) AS role_used,
 {_CONTENT} AS content, extract(epoch FROM clock_timestamp())::float8 AS clock,
 EXISTS (SELECT FROM pg_namespace WHERE nspname = '{MARK_SCHEMA}') AS is_marked,
 EXISTS (SELECT FROM pg_subscription s WHERE s.subdbid = b.oid) AS follows,
 (SELECT coalesce(jsonb_object_agg(e.extname, jsonb_build_array(e.extversion, n.nspname)), '{{}}')
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace) AS extensions,
 (SELECT jsonb_object_agg(name, versions) FROM (SELECT name, jsonb_object_agg(version, trusted) AS versions
    FROM pg_available_extension_versions GROUP BY name) v) AS available,
 (SELECT jsonb_object_agg(name, default_version) FROM pg_available_extensions) AS defaults,
 (SELECT coalesce(jsonb_agg(format('%%s.%%s', n.nspname, c.relname)), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'S') AND {OWN} AND NOT r.rolsuper AND (NOT has_schema_privilege(n.oid, 'USAGE')
      OR CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT')
         ELSE NOT has_table_privilege(c.oid, 'SELECT') OR row_security_active(c.oid) END)) AS unreadable,
 (SELECT coalesce(jsonb_agg(DISTINCT a.rolname), '[]') FROM pg_policy p, unnest(p.polroles) o
    JOIN pg_roles a ON a.oid = o) AS policy_roles,
 (SELECT jsonb_agg(rolname) FROM pg_roles) AS roles
FROM pg_database b, pg_roles r, pg_roles o
WHERE b.datname = current_database() AND r.rolname = current_user AND o.rolname = %s
"""


def read_facts(client: PostgresClient, owner: str, *, as_source: bool = False) -> DataFacts:
    """Asks the server. `owner` is the role of the app, whose plan limits its connections; an administrator who
    reads a source needs none of them. Raises ProviderError, DataMissing."""
    [found] = client.rows(_FACTS % literal(owner), "reading what the database is")
    # Debian adds its package: `15.14 (Debian 15.14-0+deb12u1)`.
    version = found.pop("version").split()[0]
    clock_ahead_s = found.pop("clock") - time.time()
    left = found["server_limit"] - found["server_used"]
    if found["role_limit"] >= 0 and not (as_source and found["is_admin"]):
        left = min(left, found["role_limit"] - found["role_used"])
    return DataFacts(
        service=SERVICE,
        version=version,
        size_bytes=found.pop("size"),
        # One is kept open to hold the snapshot, or the target's mark; another may not have ended yet.
        streams=max(1, left - 2),
        traits={**found, "owner": owner, "clock_ahead_s": clock_ahead_s},
    )


def objections(source: DataFacts, target: DataFacts) -> Sequence[Diagnostic]:
    """Pure: why the source's data cannot come into the target (errors), or comes otherwise than it is (warnings)."""
    theirs, ours = source.traits, target.traits
    found: list[Diagnostic] = []
    if source.service != target.service:
        found.append(error("other-service", f"{source.service} data cannot come into {target.service}"))
        return found
    if theirs["is_marked"]:
        found.append(error("source-unfinished", "the source itself is an unfinished copy"))
    if theirs["follows"]:
        # What keeps its app from writing to it would come along.
        found.append(error("source-follows", "the source itself follows another database", expected="that database"))
    if source.major > target.major:
        summary = f"the source is PostgreSQL {source.version}, the target {target.version}: there is no way back"
        found.append(error("older-major", summary, expected=f"a target of version {source.major} or later"))
    if theirs["encoding"] != ours["encoding"]:
        summary = f"the source is encoded in {theirs['encoding']}, the target in {ours['encoding']}"
        found.append(error("other-encoding", summary))
    if ours["content"]:
        summary = "the target database is not empty"
        found.append(error("target-not-empty", summary, detail=f"it holds {ours['content']} objects of its own"))
    if theirs["unreadable"]:
        names = ", ".join(sorted(theirs["unreadable"])[:10])
        found.append(error("source-unreadable", f"the source's role may not read all of {names}"))
    found += _extension_objections(theirs, ours)
    for role in theirs["policy_roles"]:
        if role != theirs["owner"] and role not in ours["roles"]:
            summary = f"a row security policy names the role {role}, which the target has not"
            found.append(error("policy-role-missing", summary))
    if (theirs["collate"], theirs["provider"]) != (ours["collate"], ours["provider"]):
        summary = f"texts sort as in {ours['collate']} in the target, as in {theirs['collate']} in the source"
        found.append(warning("other-collation", summary))
    found += clock_objections(source, target, "what is dated from now on is dated otherwise")
    return found


def _extension_objections(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Sequence[Diagnostic]:
    found: list[Diagnostic] = []
    for name, (version, _) in sorted(theirs["extensions"].items()):
        if name in ours["extensions"]:
            continue
        if name not in ours["available"]:
            found.append(error("extension-missing", f"the target's server has no extension {name}"))
            continue
        chosen = extension_version(name, version, ours)
        if not ours["is_admin"] and not ours["available"][name][chosen]:
            found.append(error("extension-needs-administrator", f"only an administrator can make extension {name}"))
        if chosen != version:
            summary = f"extension {name} will be {chosen}, which replaces the source's {version}"
            found.append(warning("extension-version", summary))
    return found


def extension_version(name: str, wanted: str, target: Mapping[str, Any]) -> str:
    """The version a target gets: the source's where the target's server has it, else the server's default."""
    return wanted if wanted in target["available"][name] else str(target["defaults"][name])
