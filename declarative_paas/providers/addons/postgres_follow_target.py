"""A PostgreSQL target that follows: its subscription, what its app may meanwhile, and its promotion.

Whom it follows stands in the comment of the role that holds it, what else must be remembered in the subscription's:
a role's comment can be read from every database of its server, a subscription's from its own alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.copy_result import CopyResult
from declarative_paas.core.follow import Endpoint, FollowAccess, FollowIdentity, FollowMark
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons import postgres_fingerprint as fingerprint
from declarative_paas.providers.addons.postgres_client import PostgresClient, Session
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA
from declarative_paas.providers.addons.postgres_follow_names import holder_role, stream_name
from declarative_paas.providers.addons.postgres_follow_seal import seal, unsealed
from declarative_paas.providers.addons.postgres_intake import set_mark
from declarative_paas.providers.addons.sqltext import identifier, literal

# Where a subscription's owner must be a superuser when it becomes one, and may cease to be one afterwards.
_OWNED_BY_ANYBODY_SINCE: Final = 160000

LOCK_TIMEOUT_MS: Final = 3000
"""How long a promotion waits for what the app reads, before it ends its sessions."""

_MARK: Final = """
SELECT shobj_description(r.oid, 'pg_authid') AS note, d.oid::int8 AS database, s.subname AS stream,
 obj_description(s.oid, 'pg_subscription') AS detail, d.datdba = r.oid AS is_held
FROM pg_database d LEFT JOIN pg_subscription s ON s.subdbid = d.oid, pg_roles r
WHERE d.datname = current_database() AND r.rolname = {holder}
"""

_SERVER: Final = """
SELECT d.oid::int8 AS oid, current_setting('server_version_num')::int AS version
FROM pg_database d WHERE d.datname = current_database()
"""

_HOLDER: Final = """
DO $$ BEGIN
 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {holder}) THEN
  EXECUTE format('CREATE ROLE %I', {holder}::text);
 END IF;
 EXECUTE format('ALTER ROLE %I LOGIN BYPASSRLS NOSUPERUSER PASSWORD NULL', {holder}::text);
END $$;
"""

_CAUGHT_UP: Final = """
SELECT coalesce(bool_or(t.latest_end_lsn >= {position}::pg_lsn), false) AS is_there FROM pg_stat_subscription t
 JOIN pg_subscription s ON s.oid = t.subid JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database()
"""

# For a source that does not answer: behind the last number that is in the table. Others stay where they were.
_OWN_NUMBERS: Final = """
SELECT format('SELECT setval(%L, q.top) FROM (SELECT max(%I)::int8 AS top FROM %I.%I) q, %I.%I s'
  ' WHERE q.top > s.last_value OR q.top = s.last_value AND NOT s.is_called',
  format('%I.%I', sn.nspname, sc.relname), a.attname, tn.nspname, tc.relname, sn.nspname, sc.relname) AS statement
FROM pg_depend d JOIN pg_class sc ON sc.oid = d.objid AND sc.relkind = 'S'
 JOIN pg_namespace sn ON sn.oid = sc.relnamespace
 JOIN pg_sequence n ON n.seqrelid = sc.oid AND n.seqincrement > 0
 JOIN pg_class tc ON tc.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
 JOIN pg_attribute a ON a.attrelid = tc.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
"""

_SEND_AWAY: Final = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND usename = {app};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the server knows of the database as a follower."""

    identity: FollowIdentity
    promoted: bool
    result: CopyResult
    undo: tuple[str, ...]
    stream: str
    database: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingDatabase:
    """A target. `client` is the server's administrator, `app` the app's role."""

    client: PostgresClient
    app: str

    @property
    def _holder(self) -> str:
        return holder_role(self.client.database)

    def mark(self) -> FollowMark | None:
        """See `FollowPort.follow_mark`."""
        held = _held(self._look())
        if held is None:
            return None
        return FollowMark(identity=held.identity, promoted=held.promoted, result=held.result)

    def _look(self) -> Mapping[str, Any] | None:
        rows = self.client.rows(_MARK.format(holder=literal(self._holder)), "looking whom the database follows")
        return rows[0] if rows else None

    def _note(self, identity: FollowIdentity, result: CopyResult, *, promoted: bool, database: int) -> str:
        """A statement; what other databases may not read (the names of tables) is left out."""
        known = CopyResult.from_json({**result.to_json(), "verification": [], "notes": []})
        note = {
            "identity": [identity.source_instance, identity.target_instance],
            "database": database,
            "promoted": promoted,
            "result": known.to_json(),
        }
        return f"COMMENT ON ROLE {identifier(self._holder)} IS {literal(json.dumps(note))};\n"

    def subscribe(self, identity: FollowIdentity, source: FollowAccess, endpoint: Endpoint, result: CopyResult) -> None:
        """See `FollowPort.subscribe`."""
        name, holder = stream_name(identity), identifier(self._holder)
        sealing = seal(self.client, self.client.database, self.app, self._holder)
        detail = json.dumps({"result": result.to_json(), "undo": sealing.undo})
        options = f"create_slot = false, copy_data = false, streaming = off, slot_name = {literal(source.slot)}"
        [row] = self.client.rows(_SERVER, "looking at the server")
        by_superuser = row["version"] < _OWNED_BY_ANYBODY_SINCE
        self.client.run(
            "BEGIN;\n"
            + f"DROP SCHEMA IF EXISTS {MARK_SCHEMA};\n"
            + _HOLDER.format(holder=literal(self._holder))
            + sealing.apply
            + f"CREATE SUBSCRIPTION {name} CONNECTION {literal(_dial(source, endpoint))}"
            + f" PUBLICATION {source.publication} WITH ({options});\n"
            + (f"ALTER ROLE {holder} SUPERUSER;\n" if by_superuser else "")
            + f"ALTER SUBSCRIPTION {name} OWNER TO {holder};\n"
            + (f"ALTER ROLE {holder} NOSUPERUSER;\n" if by_superuser else "")
            + f"COMMENT ON SUBSCRIPTION {name} IS {literal(detail)};\n"
            + self._note(identity, result, promoted=False, database=row["oid"])
            + "COMMIT;\n",
            "beginning to follow",
        )
        self.client.run("ANALYZE;", "counting what was copied")

    def redial(self, identity: FollowIdentity, source: FollowAccess, endpoint: Endpoint) -> None:
        """See `FollowPort.redial`."""
        row = self._look()
        if row is None or row["stream"] is None:
            return
        name = stream_name(identity)
        dial = f"ALTER SUBSCRIPTION {name} CONNECTION {literal(_dial(source, endpoint))};"
        self.client.run(f"BEGIN; {dial} ALTER SUBSCRIPTION {name} ENABLE; COMMIT;", "following by another way")

    def caught_up(self, position: str) -> bool:
        """See `FollowPort.caught_up`."""
        # The worker takes one message after the other: what it told its source to have seen is applied.
        [row] = self.client.rows(_CAUGHT_UP.format(position=literal(position)), "reading how far the follower is")
        return bool(row["is_there"])

    def promote(self, identity: FollowIdentity, unstreamed: Callable[[], Any] | None) -> Sequence[str]:
        """See `FollowPort.promote`."""
        held = _held(self._look())
        if held is None or held.identity != identity:
            raise ProviderError(ErrorKind.INVALID, "the database does not follow this source")
        if held.promoted:
            return ()
        try:
            return self._promote(held, unstreamed)
        except ProviderError as problem:
            if problem.code != "lock-timeout":
                raise
        # A read that is under way for longer, or a session that began one and forgot it.
        self.client.run(_SEND_AWAY.format(app=literal(self.app)), "ending the app's sessions")
        return ("sessions of its app that were reading were ended", *self._promote(held, unstreamed))

    def _promote(self, held: _Held, unstreamed: Callable[[], Any] | None) -> Sequence[str]:
        session = Session(self.client.with_settings(lock_timeout=str(LOCK_TIMEOUT_MS)), "promoting the follower")
        try:
            session.run("BEGIN;\n" + _forget(held.stream))
            # From here on nothing arrives, so that no row can be newer than the sequences.
            notes = self._set_numbers(session, unstreamed)
            session.run(
                unsealed(self.client.database, self.app, self._holder, held.undo)
                + f"ALTER ROLE {identifier(self._holder)} NOLOGIN NOBYPASSRLS;\n"
                + self._note(held.identity, held.result, promoted=True, database=held.database)
                + "COMMIT;"
            )
        finally:
            session.close()
        return notes

    def _set_numbers(self, session: Session, unstreamed: Callable[[], Any] | None) -> Sequence[str]:
        if unstreamed is None:
            statements = [found["statement"] for found in session.rows(_OWN_NUMBERS)]
            session.run("".join(f"{statement};\n" for statement in statements))
            return ("sequences that fill a column stand behind its last number, others as in the first copy",)
        here = {(found["schema"], found["name"]) for found in session.rows(fingerprint.SEQUENCES)}
        there: Sequence[tuple[str, str, int, bool]] = unstreamed()
        session.run(fingerprint.set_sequences(value for value in there if value[:2] in here))
        missing = sorted(f"{schema}.{name}" for schema, name, *_ in there if (schema, name) not in here)
        return (f"sequences that the source made since are not here: {', '.join(missing)}",) if missing else ()

    def cut(self, *, anew: bool, identity: FollowIdentity) -> None:
        """See `FollowPort.cut`."""
        row = self._look()
        held = _held(row)
        if row is None or not (row["stream"] or row["is_held"]):
            return
        forget = _forget(row["stream"]) if row["stream"] else ""
        undo = held.undo if held is not None else ()
        if anew:
            # Still nobody's to write: the next thing that happens to it is that it is made anew.
            then = f"CREATE SCHEMA IF NOT EXISTS {MARK_SCHEMA} AUTHORIZATION {identifier(self.app)};\n"
            then += f"{set_mark(identity, None)}\n"
        else:
            then = unsealed(self.client.database, self.app, self._holder, undo)
            then += f"ALTER ROLE {identifier(self._holder)} NOLOGIN NOBYPASSRLS;\n"
        script = f"BEGIN;\n{forget}{then}COMMENT ON ROLE {identifier(self._holder)} IS NULL;\nCOMMIT;"
        self.client.run(_SEND_AWAY.format(app=literal(self.app)) + script, "ending following")


def _held(row: Mapping[str, Any] | None) -> _Held | None:
    if row is None:
        return None
    try:
        note = json.loads(row["note"] or "{}")
        detail = json.loads(row["detail"] or "{}")
        source, target = note["identity"]
        if note["database"] != row["database"]:
            return None  # of a database that is gone
        promoted = bool(note["promoted"])
        result = CopyResult.from_json(note["result"] if promoted else detail["result"])
    except (KeyError, ValueError, TypeError):
        return None
    return _Held(
        identity=FollowIdentity(source_instance=source, target_instance=target),
        promoted=promoted,
        result=result,
        undo=tuple(detail.get("undo", ())),
        stream=row["stream"] or "",
        database=row["database"],
    )


def _dial(source: FollowAccess, endpoint: Endpoint) -> str:
    """A connection string. Only the administrator may read it back: https://www.postgresql.org/docs/current/catalog-pg-subscription.html"""
    found = {
        "host": endpoint.host,
        "port": str(endpoint.port),
        "dbname": source.database,
        "user": source.role,
        "password": source.password.reveal(),
        "connect_timeout": "10",
        "application_name": source.slot,
    }
    return " ".join(f"{name}='{_escaped(value)}'" for name, value in found.items())


def _escaped(value: str) -> str:
    """https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE"""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _forget(stream: str) -> str:
    """Statements that end a subscription and leave its slot alone, in one transaction, whatever the source does."""
    name = identifier(stream)
    return (
        f"ALTER SUBSCRIPTION {name} DISABLE;\n"
        f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE);\n"
        f"DROP SUBSCRIPTION {name};\n"
    )
