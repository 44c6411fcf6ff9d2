"""What a fork's source is, in all that a fork could have changed of it: data, catalog, roles, settings, sessions."""

from __future__ import annotations

import time
from typing import Any

from fork_project import ForkProject
from local_audit import postgres_server

from declarative_paas.providers.addons.resp_stream import RespStream, local_dial, log_in
from declarative_paas.providers.addons.valkey import ValkeyServer
from declarative_paas.providers.addons.valkey_config import ADMIN
from declarative_paas.providers.addons.valkey_keys import Tally, keys_of
from declarative_paas.providers.local.home import service_user
from declarative_paas.vault.keyring import Keyring

SERVER = {
    "roles": "SELECT rolname, rolsuper, rolcanlogin, rolreplication, rolconnlimit, rolconfig FROM pg_roles ORDER BY 1",
    "members": "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members ORDER BY 1, 2",
    "databases": "SELECT datname, datdba::regrole::text, datconnlimit, datacl::text FROM pg_database ORDER BY 1",
    "settings": "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
    "slots": "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
    "prepared": "SELECT gid FROM pg_prepared_xacts",
    "of a copy": "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dpaas copy'",
}
DATABASE = {
    "schemas": "SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace"
    " WHERE nspname !~ '^pg_' ORDER BY 1",
    "relations": "SELECT relname, relkind::text, relowner::regrole::text, relacl::text FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    "publications": "SELECT pubname FROM pg_publication UNION ALL SELECT subname FROM pg_subscription ORDER BY 1",
    "rows": "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM orders t",
    "versions": "SELECT max(xmin::text::int8), max(xmax::text::int8) FROM orders",
    "sequence": "SELECT last_value, is_called FROM orders_id_seq",
}


def source_print(project: ForkProject, region: str = "us", app: str = "echo") -> dict[str, Any]:
    """Of the app's database with the server around it, and of its keys."""
    server = postgres_server(project, region)
    assert server is not None
    with server.connect("postgres") as connection:
        [(name,)] = connection.execute(
            "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
        ).fetchall()
        found = {what: connection.execute(query.encode()).fetchall() for what, query in SERVER.items()}
    with server.connect(name) as connection:
        found |= {what: connection.execute(query.encode()).fetchall() for what, query in DATABASE.items()}
    session = key_value_session(project, region, app)
    try:
        return {**found, "keys": _keys(session), "accounts": sorted(map(repr, session.ask("ACL", "LIST") or []))}  # type: ignore[arg-type]
    finally:
        session.close()


def settled_print(project: ForkProject, expected: dict[str, Any]) -> dict[str, Any]:
    """The same, when the sessions of a copy that was killed have ended: within a few seconds."""
    until = time.monotonic() + 10
    while (found := source_print(project)) != expected and time.monotonic() < until:
        time.sleep(0.2)
    return found


def key_value_session(project: ForkProject, region: str, app: str) -> RespStream:
    """As the administrator of an app's server."""
    home = project.directory / ".dpaas"
    (directory,) = (home / "regions" / region / "addons" / "servers").glob(f"redis-{app}-redis-*")
    server = ValkeyServer.load(directory, user=service_user(None), keyring=Keyring.load(home / "secret.key"))
    assert server is not None
    return log_in(local_dial(server.port), ADMIN, server.password)


def _keys(session: RespStream) -> tuple[int, str]:
    tally = Tally()
    for key in keys_of(session, 0):
        tally.add(key)
    return tally.result(0)
