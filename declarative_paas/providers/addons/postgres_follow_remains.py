"""What following leaves in the way of a database that is to be dropped or replaced, at either end of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.postgres_config import FOLLOWERS
from declarative_paas.providers.addons.sqltext import identifier, literal

if TYPE_CHECKING:
    from declarative_paas.providers.addons.databases import DatabaseServer

LEAVING_TRIES: Final = 100
"""Of 0.1 s each, for a follower's session to end."""

_ENDS: Final = """
SELECT (SELECT jsonb_agg(s.subname) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
  WHERE d.datname = {name}) AS follows,
 (SELECT count(*) FROM pg_replication_slots WHERE database = {name}) AS followers
"""

_DETAILS: Final = """
SELECT coalesce(obj_description(s.oid, 'pg_subscription'), '{{}}') AS detail
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = {name}
"""

# Roles that came to this database and to no other.
_ROLES: Final = f"""
SELECT m.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
WHERE g.rolname = '{FOLLOWERS}' AND has_database_privilege(m.oid, current_database(), 'CONNECT')
"""

_SEND_AWAY: Final = f"""
DO $$ DECLARE role text; BEGIN
 FOR role IN {_ROLES} LOOP
  EXECUTE format('ALTER ROLE %I NOLOGIN', role);
 END LOOP;
END $$
"""

_DROP: Final = f"""
DO $$ DECLARE role text; BEGIN
 FOR attempt IN 1 .. {LEAVING_TRIES} LOOP
  PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots
   WHERE database = current_database() AND active_pid IS NOT NULL;
  PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots
   WHERE database = current_database() AND NOT temporary AND active_pid IS NULL;
  EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = current_database());
  PERFORM pg_sleep(0.1);
 END LOOP;
 FOR role IN {_ROLES} LOOP
  EXECUTE format('DROP OWNED BY %I', role);
  EXECUTE format('DROP ROLE %I', role);
 END LOOP;
END $$
"""


# Roles are the whole server's, and so is this lock: another database's follower may come or go just now.
ONE_AT_A_TIME: Final = "LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE"

# The role that all followers' roles are members of goes with the last of them.
DROP_GROUP: Final = f"""
DO $$ BEGIN
 {ONE_AT_A_TIME};
 IF EXISTS (SELECT FROM pg_roles r WHERE rolname = '{FOLLOWERS}'
   AND NOT EXISTS (SELECT FROM pg_auth_members WHERE roleid = r.oid)) THEN
  DROP ROLE {FOLLOWERS};
 END IF;
END $$
"""


def end_following(server: DatabaseServer, name: str) -> None:
    """A database is followed no more, and follows no more: nothing of it keeps it from being dropped.

    Raises ProviderError.
    """
    with server.session() as session:
        [ends] = session.rows(_ENDS.format(name=literal(name)))
    with server.session(name) as session:
        for stream in ends["follows"] or ():
            one = identifier(stream)
            session.run(
                [
                    f"ALTER SUBSCRIPTION {one} DISABLE",
                    f"ALTER SUBSCRIPTION {one} SET (slot_name = NONE)",
                    f"DROP SUBSCRIPTION {one}",
                ]
            )
        session.run([_SEND_AWAY, _DROP, DROP_GROUP])


def refuse_replacement(server: DatabaseServer, name: str) -> None:
    """Raises ProviderError (INVALID) for a database whose content cannot be replaced: it follows, or is followed."""
    with server.session() as session:
        [ends] = session.rows(_ENDS.format(name=literal(name)))
    if ends["follows"]:
        raise ProviderError(ErrorKind.INVALID, f"database {name} follows another one: it is only read until promoted")
    if ends["followers"]:
        raise ProviderError(ErrorKind.INVALID, f"database {name} has followers, which cannot follow what replaces it")


def refuse_dump(server: DatabaseServer, name: str) -> None:
    """Raises ProviderError (INVALID) for a follower whose dump would not be its source's: what keeps its app from
    writing is in it, and a dump that is restored has nobody to undo it."""
    with server.session(name) as session:
        details = [json.loads(row["detail"]) for row in session.rows(_DETAILS.format(name=literal(name)))]
    changed = [undo for detail in details for undo in detail.get("undo", ()) if not undo.startswith("GRANT ")]
    if changed:
        summary = f"database {name} follows another one, and is not quite like it meanwhile: dump that one"
        raise ProviderError(ErrorKind.INVALID, summary, detail=changed[:10])
