"""What a PostgreSQL database is, in a few bytes a thing: computed in SQL on either side, by the same words.

A table's digest is the sum and the exclusive or of a 64-bit hash of each row's text, with the number of rows. It does
not depend on the order of rows. One wrong row passes with odds of 1 to 2^64; it is made to find faults, not forgers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from declarative_paas.core.copy_result import Fingerprint
from declarative_paas.providers.addons.postgres_client import PostgresClient
from declarative_paas.providers.addons.postgres_facts import OWN
from declarative_paas.providers.addons.postgres_script import Entry, comparable
from declarative_paas.providers.addons.postgres_tables import Table
from declarative_paas.providers.addons.sqltext import identifier, literal

SEQUENCES: Final = f"""
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {OWN} ORDER BY n.nspname, c.relname
"""

_VIEWS: Final = f"""
SELECT n.nspname AS schema, c.relname AS name, c.relispopulated AS filled
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {OWN}
"""

# Chunk after chunk, so that no object is ever whole in memory; the object's number is part of each chunk's hash.
_OBJECTS: Final = """
WITH RECURSIVE chunk(oid, place, size, hash) AS (
 SELECT m.oid, 0::int8, octet_length(c.data), hashtextextended(m.oid::text || ' 0 ' || md5(c.data), 0)
  FROM pg_largeobject_metadata m, LATERAL (SELECT lo_get(m.oid, 0, 1048576) AS data OFFSET 0) c
 UNION ALL
 SELECT p.oid, p.place + 1, octet_length(c.data), hashtextextended(concat_ws(' ', p.oid, p.place + 1, md5(c.data)), 0)
  FROM chunk p, LATERAL (SELECT lo_get(p.oid, (p.place + 1) * 1048576, 1048576) AS data OFFSET 0) c
  WHERE p.size = 1048576)
SELECT count(DISTINCT oid) AS objects, coalesce(sum(size), 0)::text AS bytes, coalesce(sum(hash), 0)::text AS hash
FROM chunk
"""


_ALTERED: Final = """
SELECT split_part(s, '=', 1) AS name, substr(s, strpos(s, '=') + 1) AS value,
 coalesce(p.context = 'user', false) AS is_free
FROM pg_db_role_setting r CROSS JOIN unnest(r.setconfig) s LEFT JOIN pg_settings p ON p.name = split_part(s, '=', 1),
 pg_database d, pg_roles o
WHERE d.datname = current_database() AND o.rolname = {role}
 AND r.setdatabase IN (0, d.oid) AND r.setrole IN (0, o.oid) AND (r.setdatabase <> 0 OR r.setrole <> 0)
ORDER BY (r.setrole <> 0), (r.setdatabase <> 0)
"""


def altered(ask: Callable[[str], list[Any]], role: str) -> tuple[dict[str, str], list[str]]:
    """What sessions of the app begin with (`ALTER DATABASE … SET`, `ALTER ROLE … SET`); the names of those settings
    among them that only an administrator may make."""
    rows = ask(_ALTERED.format(role=literal(role)))
    free = {row["name"]: row["value"] for row in rows if row["is_free"]}
    return free, sorted({row["name"] for row in rows if not row["is_free"]})


def settings(found: Mapping[str, str]) -> list[Fingerprint]:
    """Each setting that sessions begin with."""
    return [Fingerprint(kind="setting", name=name, digest=value) for name, value in found.items()]


def set_settings(database: str, found: Mapping[str, str]) -> str:
    """A script that makes them those of the database."""
    return "\n".join(
        # By way of the session: there a list is read as it is written.
        f"SELECT set_config({literal(name)}, {literal(value)}, false);"
        f" ALTER DATABASE {identifier(database)} SET {_dotted(name)} FROM CURRENT;"
        for name, value in found.items()
    )


def _dotted(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))


def tables(client: PostgresClient, found: Sequence[Table], *, before: str = "") -> list[Fingerprint]:
    """Rows and content of each table; its name is what a person calls it."""
    script = "\n".join([before, *(table.checksum() for table in found)])
    lines = client.run(script, f"reading the checksum of {found[0].label}").split()
    result: list[Fingerprint] = []
    for table, line in zip(found, lines, strict=True):
        rows, _, digest = line.partition("|")
        result.append(Fingerprint(kind="table", name=table.label, rows=int(rows), digest=digest))
    return result


def sequence_values(ask: Callable[[str], list[Any]], query: str) -> tuple[tuple[str, str, int, bool], ...]:
    """(schema, name, last value, whether it was used) of each sequence that `query` names."""
    found = ask(query)
    if not found:
        return ()
    selects = [
        f"SELECT {number} AS number, last_value, is_called FROM {identifier(row['schema'])}.{identifier(row['name'])}"
        for number, row in enumerate(found)
    ]
    values = ask(" UNION ALL ".join(selects))
    return tuple(
        (found[value["number"]]["schema"], found[value["number"]]["name"], value["last_value"], value["is_called"])
        for value in values
    )


def sequences(values: Iterable[tuple[str, str, int, bool]]) -> list[Fingerprint]:
    """Where each sequence stands."""
    return [
        Fingerprint(kind="sequence", name=f"{schema}.{name}", digest=f"{last} {'used' if used else 'unused'}")
        for schema, name, last, used in values
    ]


def set_sequences(values: Iterable[tuple[str, str, int, bool]]) -> str:
    """A script that brings each sequence to where it stands."""
    return "\n".join(
        f"SELECT setval({literal(f'{identifier(schema)}.{identifier(name)}')}::regclass, {last}, {str(used).lower()});"
        for schema, name, last, used in values
    )


def large_objects(client: PostgresClient, *, before: str = "") -> list[Fingerprint]:
    """All large objects as one thing; nothing when there are none."""
    [found] = client.rows(_OBJECTS, "reading large objects", before=before)
    if not found["objects"]:
        return []
    digest = f"{found['bytes']} bytes {found['hash']}"
    return [Fingerprint(kind="large objects", name="all", rows=found["objects"], digest=digest)]


def extensions(found: Mapping[str, tuple[str, str]]) -> list[Fingerprint]:
    """That each is there: another version was accepted, and told, before the copy began."""
    return [
        Fingerprint(kind="extension", name=name, digest=version, dialect=version)
        for name, (version, _) in found.items()
    ]


def materialised_views(client: PostgresClient, *, before: str = "") -> list[Fingerprint]:
    """Whether each is filled: its rows are the target's own, made from tables that are verified."""
    return [
        Fingerprint(kind="materialised view", name=f"{row['schema']}.{row['name']}", digest=str(row["filled"]))
        for row in client.rows(_VIEWS, "reading materialised views", before=before)
    ]


def schema(found: Iterable[Entry], owner: str, *, major: int) -> list[Fingerprint]:
    """Each definition of a dump. Two major versions write them differently: then that they are there counts."""
    statements: dict[str, list[str]] = {}
    for entry in comparable(found, owner):
        statements.setdefault(f"{entry.type} {entry.label}", []).append(entry.sql)
    return [
        Fingerprint(
            kind="schema",
            name=name,
            digest=hashlib.sha256("\0".join(sorted(sql)).encode("utf-8", "surrogateescape")).hexdigest()[:16],
            dialect=str(major),
        )
        for name, sql in statements.items()
    ]
