"""A PostgreSQL source and one of its followers: the role it comes with, what it is told, and from which point."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from declarative_paas.core.copy_result import CopyResult
from declarative_paas.core.data import DataFacts
from declarative_paas.core.follow import FollowAccess, FollowIdentity
from declarative_paas.core.provider import ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons import postgres_fingerprint as fingerprint
from declarative_paas.providers.addons.postgres_client import PostgresClient, Session
from declarative_paas.providers.addons.postgres_config import FOLLOWERS, MOST_KEPT_MB
from declarative_paas.providers.addons.postgres_follow_facts import publication_tables, streamed_tables
from declarative_paas.providers.addons.postgres_follow_names import (
    follower_role,
    new_slot,
    slot_of,
    snapshot_id,
    stream_name,
)
from declarative_paas.providers.addons.postgres_follow_remains import DROP_GROUP, LEAVING_TRIES, ONE_AT_A_TIME
from declarative_paas.providers.addons.postgres_snapshot import LOCK_TIMEOUT_MS, PostgresSnapshot
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.providers.addons.sqltext import identifier, literal

_MEGABYTE: Final = 2**20

_FORGET: Final = f"""
DO $$ BEGIN
 IF EXISTS (SELECT FROM pg_roles WHERE rolname = {{role}}) THEN
  EXECUTE format('ALTER ROLE %I NOLOGIN', {{role}}::text);
 END IF;
END $$;
DO $$ BEGIN
 FOR attempt IN 1 .. {LEAVING_TRIES} LOOP
  PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots
   WHERE slot_name ~ {{pattern}} AND active_pid IS NOT NULL;
  PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots
   WHERE slot_name ~ {{pattern}} AND NOT temporary AND active_pid IS NULL AND database = current_database();
  EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name ~ {{pattern}});
  PERFORM pg_sleep(0.1);
 END LOOP;
END $$;
DROP PUBLICATION IF EXISTS {{publication}};
DO $$ BEGIN
 IF EXISTS (SELECT FROM pg_roles WHERE rolname = {{role}}) THEN
  EXECUTE format('DROP OWNED BY %I', {{role}}::text);
  EXECUTE format('DROP ROLE %I', {{role}}::text);
 END IF;
END $$;
{DROP_GROUP};
"""

# The databases that belong to no app, and that any role could connect to, are the administrator's alone.
_ADMIT: Final = f"""
DO $$ BEGIN
 {ONE_AT_A_TIME};
 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{FOLLOWERS}') THEN
  CREATE ROLE {FOLLOWERS} NOLOGIN;
 END IF;
 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {{role}}) THEN
  EXECUTE format('CREATE ROLE %I', {{role}}::text);
 END IF;
 EXECUTE format('ALTER ROLE %I LOGIN REPLICATION NOINHERIT PASSWORD %L', {{role}}::text, {{verifier}}::text);
 EXECUTE format('GRANT {FOLLOWERS} TO %I', {{role}}::text);
 EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), {{role}}::text);
 REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
END $$;
"""

_END_SESSIONS: Final = f"""
DO $$ BEGIN
 FOR attempt IN 1 .. {LEAVING_TRIES} LOOP
  PERFORM pg_stat_clear_snapshot();
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = {{app}};
  EXIT WHEN NOT FOUND;
  PERFORM pg_sleep(0.02);
 END LOOP;
END $$;
"""

_IS_KEPT: Final = """
SELECT wal_status AS kept FROM pg_replication_slots
WHERE slot_name = {slot} AND database = current_database() AND NOT temporary AND wal_status <> 'lost'
"""

_CONFIRMED: Final = """
SELECT coalesce(bool_or(confirmed_flush_lsn >= {position}::pg_lsn), false) AS is_there FROM pg_replication_slots
WHERE slot_name ~ {pattern} AND database = current_database() AND NOT temporary
"""

_BOUND: Final = """
SELECT setting::int8 AS megabytes, (SELECT count(*) FROM pg_replication_slots WHERE temporary) AS copies
FROM pg_settings WHERE name = 'max_slot_wal_keep_size'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSource:
    """A `FollowSource`. Its slot is a temporary one of a session that we hold: if we are killed, it goes with us."""

    client: PostgresClient
    identity: FollowIdentity
    snapshot: PostgresSnapshot
    slot: str

    def admit(self) -> FollowAccess:
        script = (
            f"SELECT pg_copy_logical_replication_slot({literal(_temporary(self.slot))}, {literal(self.slot)}, false);"
        )
        self.client.run(script, "keeping changes for the follower")
        return admit(self.client, self.identity, self.slot)


@contextmanager
def publish(
    client: PostgresClient, facts: DataFacts, owner: str, identity: FollowIdentity
) -> Generator[PublishedSource]:
    """See `FollowPort.publish`. `client` is the server's administrator."""
    unpublish(client, identity)
    slot, held = new_slot(identity), client.apart()
    try:
        tables = publication_tables(streamed_tables(client))
        locked = client.with_settings(lock_timeout=str(LOCK_TIMEOUT_MS))
        locked.run(f"CREATE PUBLICATION {stream_name(identity)}{tables};", "telling what the follower gets")
        _keep(client, MOST_KEPT_MB + 3 * facts.size_bytes // _MEGABYTE)

        def export() -> tuple[str, str]:
            return _slot_snapshot(held, slot)

        snapshot = PostgresSnapshot(held, facts, owner, export=export)
        published = PublishedSource(client=client, identity=identity, snapshot=snapshot, slot=slot)
        yield published
    except BaseException:
        held.close()
        unpublish(client, identity)
        raise
    held.close()


def _slot_snapshot(client: PostgresClient, slot: str) -> tuple[str, str]:
    """Begins a slot; the snapshot of its first moment lives as long as the session that made it."""
    walsender = replace(client, database=f"dbname='{client.database}' replication=database")
    # It waits for every transaction that writes now to end.
    session = Session(walsender.with_settings(lock_timeout=str(LOCK_TIMEOUT_MS)), "waiting for what the source writes")
    name = identifier(_temporary(slot))
    try:
        answer = session.run(f"CREATE_REPLICATION_SLOT {name} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export');")
    except ProviderError as problem:
        if problem.code != "lock-timeout":
            raise
        summary = f"a transaction on the source's server has been writing for more than {LOCK_TIMEOUT_MS // 1000} s"
        hint = "a follower begins between transactions: once it has ended, apply again"
        raise ProviderError(problem.kind, summary, code="follow-waits", detail=[hint]) from None
    exported = answer.strip().split("|")[2]
    return exported, snapshot_id(exported, slot)


def _temporary(slot: str) -> str:
    return f"{slot}_copy"


def admit(client: PostgresClient, identity: FollowIdentity, slot: str) -> FollowAccess:
    """Lets the follower in, with a new password."""
    password = secrets.token_urlsafe(32)
    role = follower_role(identity)
    script = _ADMIT.format(role=literal(role), verifier=literal(scram_verifier(password)))
    client.run(script, "letting the follower in")
    return FollowAccess(
        database=client.database, role=role, password=Sensitive(password), slot=slot, publication=stream_name(identity)
    )


def resume(client: PostgresClient, identity: FollowIdentity, result: CopyResult) -> FollowAccess | None:
    """See `FollowPort.resume`."""
    slot = slot_of(result.snapshot)
    if not slot.startswith(stream_name(identity)):
        return None
    if not client.rows(_IS_KEPT.format(slot=literal(slot)), "looking for what is kept for the follower"):
        return None
    return admit(client, identity, slot)


def unpublish(client: PostgresClient, identity: FollowIdentity) -> None:
    """See `FollowPort.unpublish`."""
    name, role = stream_name(identity), literal(follower_role(identity))
    client.run(_FORGET.format(role=role, pattern=literal(f"^{name}_"), publication=name), "forgetting the follower")
    keep_no_more(client)


def unstreamed(client: PostgresClient) -> Sequence[tuple[str, str, int, bool]]:
    """See `FollowPort.unstreamed`: where each sequence stands."""
    session = Session(client, "reading sequences")
    try:
        return fingerprint.sequence_values(session.rows, fingerprint.SEQUENCES)
    finally:
        session.close()


def end_sessions(client: PostgresClient, app: str) -> None:
    """See `FollowPort.end_sessions`."""
    # The program is gone; its server may be in the middle of what it asked for last.
    client.run(_END_SESSIONS.format(app=literal(app)), "ending the app's sessions")


def position(client: PostgresClient) -> str:
    """See `FollowPort.position`."""
    # Committed, so that all before it is on the disk, and so sent.
    script = "SELECT pg_logical_emit_message(true, 'dpaas', ''); SELECT pg_current_wal_flush_lsn();"
    return client.run(script, "reading where the source's log is").split()[-1]


def has_confirmed(client: PostgresClient, identity: FollowIdentity, position: str) -> bool:
    """See `FollowPort.has_confirmed`."""
    pattern = literal(f"^{stream_name(identity)}_")
    [row] = client.rows(_CONFIRMED.format(position=literal(position), pattern=pattern), "reading what is confirmed")
    return bool(row["is_there"])


def keep_no_more(client: PostgresClient) -> None:
    """Once no first copy is under way the server keeps for its followers what it is configured to keep."""
    [bound] = client.rows(_BOUND, "reading what the server keeps")
    if bound["megabytes"] > MOST_KEPT_MB and not bound["copies"]:
        client.run("ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf();", "keeping less of the log")


def _keep(client: PostgresClient, megabytes: int) -> None:
    """While a copy is under way nothing is taken from its slot, and the copy itself may be into the same server."""
    [bound] = client.rows(_BOUND, "reading what the server keeps")
    if 0 <= bound["megabytes"] < megabytes:
        script = f"ALTER SYSTEM SET max_slot_wal_keep_size = '{megabytes}MB'; SELECT pg_reload_conf();"
        client.run(script, "keeping more of the log")
