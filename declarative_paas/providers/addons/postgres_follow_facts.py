"""What a database is to its followers: what they are told of, what they cannot be, and how each of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic, error, warning
from declarative_paas.core.follow import MADE_ANEW, FollowIdentity, FollowState, FollowStatus
from declarative_paas.providers.addons.postgres_client import PostgresClient
from declarative_paas.providers.addons.postgres_config import MAX_FOLLOWERS, MOST_KEPT_MB
from declarative_paas.providers.addons.postgres_facts import OWN
from declarative_paas.providers.addons.postgres_follow_log import Failure, last_failure
from declarative_paas.providers.addons.postgres_follow_names import stream_name
from declarative_paas.providers.addons.sqltext import identifier, literal

NAMED: Final = 10
"""So many things are named in one sentence; the others are counted."""

# What a row is found by when it is changed: https://www.postgresql.org/docs/current/logical-replication-publication.html
_HAS_IDENTITY: Final = """
 CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false
  ELSE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) END
"""

STREAMED: Final = f"""
SELECT n.nspname AS schema, c.relname AS name, {_HAS_IDENTITY} AS has_identity,
 coalesce((SELECT string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attname)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND {OWN} ORDER BY n.nspname, c.relname
"""

_UNSTREAMED: Final = f"""
SELECT current_setting('wal_level') AS wal_level, current_setting('server_version_num')::int AS version,
 current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots) AS slots_left,
 (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
 (SELECT coalesce(jsonb_agg(format('%s.%s', n.nspname, c.relname) ORDER BY n.nspname, c.relname), '[]')
   FROM pg_class c
   JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND {OWN}) AS unlogged,
 (SELECT coalesce(jsonb_agg(format('%s.%s', n.nspname, c.relname) ORDER BY n.nspname, c.relname), '[]')
   FROM pg_class c
   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {OWN}) AS views,
 (SELECT coalesce(jsonb_agg(DISTINCT e.extname), '[]') FROM pg_extension e WHERE e.extconfig IS NOT NULL) AS extensions
"""

_SLOT: Final = """
SELECT s.slot_name AS slot, s.active, s.wal_status AS kept,
 pg_wal_lsn_diff(pg_current_wal_flush_lsn(), s.confirmed_flush_lsn)::int8 AS lag_bytes,
 extract(epoch FROM now() - (to_jsonb(s) ->> 'inactive_since')::timestamptz)::float8 AS inactive_s,
 r.state, extract(epoch FROM r.replay_lag)::float8 AS lag_s
FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
WHERE s.database = current_database() AND NOT s.temporary AND s.slot_name ~ {pattern}
"""

_UNPUBLISHED: Final = f"""
SELECT format('%s.%s', t.schema, t.name) AS name FROM ({STREAMED}) t WHERE NOT EXISTS (
 SELECT FROM pg_publication_tables p
 WHERE p.pubname = {{publication}} AND (p.schemaname, p.tablename) = (t.schema, t.name))
"""

_SUBSCRIPTION: Final = """
SELECT s.oid::int8 AS oid, s.subenabled AS enabled, t.pid IS NOT NULL AS works
FROM pg_subscription s LEFT JOIN pg_stat_subscription t ON t.subid = s.oid AND t.relid IS NULL
WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.subname = {name}
"""


def listed(names: Sequence[str]) -> str:
    """Some names for a sentence."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def streamed_tables(client: PostgresClient) -> list[Any]:
    """The tables whose changes a follower is told of."""
    return client.rows(STREAMED, "reading what can be followed")


def publication_tables(tables: Sequence[Mapping[str, Any]]) -> str:
    """Those tables as CREATE PUBLICATION takes them; empty for none.

    Each one by its name: a table that is made later, maybe without a key, must stay as free as it was.
    """
    names = (f"ONLY {identifier(table['schema'])}.{identifier(table['name'])}" for table in tables)
    return f" FOR TABLE {', '.join(names)}" if tables else ""


def shape(client: PostgresClient) -> Mapping[str, str]:
    """See `FollowPort.shape`."""
    return {f"{row['schema']}.{row['name']}": row["columns"] for row in streamed_tables(client)}


def follow_objections(client: PostgresClient) -> Sequence[Diagnostic]:
    """See `FollowPort.follow_objections`."""
    [facts] = client.rows(_UNSTREAMED, "reading what cannot be followed")
    return objections(facts, streamed_tables(client))


def objections(facts: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> Sequence[Diagnostic]:
    """Pure: the same, from what the server told."""
    found: list[Diagnostic] = []
    if facts["wal_level"] != "logical":
        summary = "the source's server still runs with an older configuration, which knows no followers"
        hint = "the server started anew: `dpaas down REGION`, and `dpaas apply`"
        found.append(error("follow-older-server", summary, expected=hint))
    elif facts["slots_left"] < 2:
        summary = f"the source's server has {MAX_FOLLOWERS} followers, which is the most it can have"
        found.append(error("follow-too-many", summary, expected="`copy`, or a follower less"))
    keyless = [f"{table['schema']}.{table['name']}" for table in tables if not table["has_identity"]]
    if keyless:
        found.append(
            error(
                "follow-no-key",
                f"the source has tables whose rows cannot be told apart: {listed(keyless)}",
                expected="a primary key on each (or ALTER TABLE … REPLICA IDENTITY FULL), or `copy`",
            )
        )
    if facts["large_objects"]:
        summary = f"the source has {facts['large_objects']} large objects, which no stream carries"
        found.append(error("follow-large-objects", summary, expected="`copy`, or bytea columns"))
    told = (
        ("unlogged", "follow-unlogged", "the rows of unlogged tables stay as they are in the first copy"),
        ("views", "follow-materialised", "materialised views stay as in the first copy until they are refreshed"),
        ("extensions", "follow-extension-tables", "rows in tables of extensions stay as they are in the first copy"),
    )  # fmt: skip
    found += [warning(code, f"{words}: {listed(facts[key])}") for key, code, words in told if facts[key]]
    return found


def source_status(client: PostgresClient, identity: FollowIdentity) -> FollowStatus | None:
    """See `FollowPort.source_status`."""
    name = stream_name(identity)
    slots = client.rows(_SLOT.format(pattern=literal(f"^{name}_")), "reading how a follower does")
    if not slots:
        return None
    unpublished = client.rows(_UNPUBLISHED.format(publication=literal(name)), "reading what a follower is told of")
    return status_at_source(slots[0], [row["name"] for row in unpublished])


def status_at_source(slot: Mapping[str, Any], unpublished: Sequence[str]) -> FollowStatus:
    """Pure: the same, from what the server told."""
    if slot["kept"] == "lost":
        problem = f"it fell behind by more than the {MOST_KEPT_MB} MB that its source keeps: {MADE_ANEW}"
        return FollowStatus(state=FollowState.BROKEN, problem=problem)
    lag = max(0, slot["lag_bytes"] or 0)
    if unpublished:
        problem = f"its source made tables that it is not told of ({listed(unpublished)}): {MADE_ANEW}"
        return FollowStatus(state=FollowState.BROKEN, lag_bytes=lag, problem=problem)
    if not slot["active"]:
        return FollowStatus(state=FollowState.STOPPED, lag_bytes=lag, lag_s=slot["inactive_s"] if lag else 0.0)
    state = FollowState.STREAMING if slot["state"] == "streaming" else FollowState.CATCHING_UP
    return FollowStatus(state=state, lag_bytes=lag, lag_s=slot["lag_s"] if lag else 0.0)


def target_status(
    client: PostgresClient, identity: FollowIdentity, log: Callable[[], Iterable[str]]
) -> FollowStatus | None:
    """See `FollowPort.follow_status`. `log` is what the server wrote of late."""
    stream = stream_name(identity)
    found = client.rows(_SUBSCRIPTION.format(name=literal(stream)), "reading how the follower does")
    if not found:
        return None
    [row] = found
    if row["works"]:
        return FollowStatus(state=FollowState.STREAMING)
    failure = last_failure(log(), stream=stream, origin=f"pg_{row['oid']}") if row["enabled"] else None
    return status_at_target(failure)


def status_at_target(failure: Failure | None) -> FollowStatus:
    """Pure: how a follower does that receives nothing."""
    problem = "its server receives nothing from its source"
    if failure is None:
        return FollowStatus(state=FollowState.STOPPED, problem=problem)
    if failure.is_final:
        problem = f"its server cannot take over a change ({failure.message}): {MADE_ANEW}"
        return FollowStatus(state=FollowState.BROKEN, problem=problem)
    return FollowStatus(state=FollowState.STOPPED, problem=f"{problem}: {failure.message}")
