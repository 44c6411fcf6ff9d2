"""The `postgres` service: a PostgreSQL server, in a container of its own, for each add-on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from declarative_paas.core.data import DataSide
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.database_record import database_problems, database_spec
from declarative_paas.providers.addons.databases import MARK, DatabaseFacts, ensure_database, inspect_all
from declarative_paas.providers.addons.driver import AddonInstance, Outputs
from declarative_paas.providers.addons.names import database_name
from declarative_paas.providers.addons.postgres_config import ADMIN, container_hba, container_ident, postgresql_conf
from declarative_paas.providers.addons.postgres_follow_names import holder_role
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact, open_sealed
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.providers.addons.sqltext import literal
from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.services import container_service, server_container
from declarative_paas.providers.docker.services.container_service import DATA, Inspection, require_major
from declarative_paas.providers.docker.services.images import ServerImage
from declarative_paas.providers.docker.services.place import AddonPlace
from declarative_paas.providers.docker.services.psql import SOCKET, PsqlServer
from declarative_paas.providers.docker.services.server_container import ServerContainer

PORT: Final = 5432
SMALLEST_MEMORY_MB: Final = 128
ACCOUNT: Final = "nobody"
CHECK: Final = "/dpaas/check.sql"

SERVE: Final = f"""\
#!/bin/sh
# Written by dpaas. Makes the database cluster when it is told to, then becomes the server.
set -eu
umask 077
cd {DATA}
if [ ! -s server/PG_VERSION ]; then
    if [ ! -e begin ]; then
        echo "the data is gone, and nobody said that an empty server may begin" >&2
        exit 75
    fi
    case "$(initdb --version)" in
        *" 15"* | *" 16"*) locale="--locale=C.UTF-8" ;;
        *) locale="--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8" ;;
    esac
    rm -rf making server
    initdb --pgdata={DATA}/making --username={ADMIN} --auth-local=peer --auth-host=reject --encoding=UTF8 \\
        --data-checksums --no-instructions $locale
    mv making server
    sync
fi
rm -f begin
mkdir -p socket
exec postgres -D {DATA}/server -c config_file=/dpaas/postgresql.conf
"""

CHECK_COMMAND: Final = (
    "sh",
    "-c",
    f'[ "$(psql -X -q -A -t --host={SOCKET} --username={ADMIN} --dbname=postgres --file={CHECK})" = t ]',
)


class PostgresService:
    """See `ContainerService`."""

    service: ClassVar[str] = "postgres"
    witness: ClassVar[str] = f"{DATA}/server/PG_VERSION"

    def image(self, place: AddonPlace) -> ServerImage:
        return place.images.postgres

    def check_plan(self, plan: Mapping[str, PlanFact], image: ServerImage | None) -> None:
        require_major(plan, image, product="PostgreSQL", option="postgres_image")

    def new_secrets(self, place: AddonPlace, instance: AddonInstance) -> tuple[str, Mapping[str, Any]]:
        password = secrets.token_urlsafe(32)
        details = {"database": database_name(instance.key), "verifier": scram_verifier(password)}
        return place.keyring.seal(password), details

    def container(self, place: AddonPlace, record: InstanceRecord) -> ServerContainer:
        return container_service.server_container(
            place,
            record,
            files=_files(record),
            memory_mb=max(int(record.plan.get("memory_mb") or 0), SMALLEST_MEMORY_MB),
            health=CHECK_COMMAND,
            stop_signal="INT",  # fast shutdown: SIGTERM would wait for every client to leave
        )

    def is_ready(self, place: AddonPlace, record: InstanceRecord) -> bool:
        return PsqlServer(place.engine, place.server(record.key)).is_ready()

    def settle(self, place: AddonPlace, record: InstanceRecord, *, was_complete: bool) -> tuple[str, ...]:
        server = PsqlServer(place.engine, place.server(record.key))
        facts = inspect_all(server).get(record.details["database"])
        lost = was_complete and not (facts and facts.exists)
        told = (f"database {record.details['database']} was missing: its data is lost",) if lost else ()
        done = ensure_database(server, database_spec(record))
        containers.put(place.engine, server.name, (_check(record),))
        return (*told, *done)

    def inspect(self, place: AddonPlace, record: InstanceRecord) -> Inspection:
        name = record.details["database"]
        facts = inspect_all(PsqlServer(place.engine, place.server(record.key))).get(name)
        found = server_container.find(place.engine, place.owner, place.server(record.key), DATA)
        wanted = self.container(place, record).memory_mb
        problems = database_problems(record, name, facts)
        if found is not None and found.memory_mb != wanted:
            problems = (*problems, f"memory limit is {found.memory_mb or 'no'} MB, should be {wanted} MB")
        return Inspection(problems=problems, plan=_plan_as_found(record, facts))

    def outputs(self, place: AddonPlace, record: InstanceRecord) -> Outputs:
        name, host = record.details["database"], place.server(record.key)
        password = open_sealed(place.keyring, record.sealed, record.key).reveal()
        return {
            "id": record.key,
            "url": Sensitive(f"postgresql://{name}:{password}@{host}:{PORT}/{name}"),
            "host": host,
            "port": str(PORT),
            "database": name,
        }

    def data_side(self, place: AddonPlace, record: InstanceRecord) -> DataSide:
        from declarative_paas.providers.addons.postgres_port import fresh_database
        from declarative_paas.providers.docker.services.postgres_side import container_port

        server = PsqlServer(place.engine, place.server(record.key))
        password = open_sealed(place.keyring, record.sealed, record.key)
        port = container_port(server, str(record.details["database"]), PORT, password)
        return DataSide(port=port, fresh=lambda: fresh_database(server, database_spec(record)))


def _files(record: InstanceRecord) -> tuple[Entry, ...]:
    conf = postgresql_conf(
        data=Path(DATA) / "server",
        hba=Path("/dpaas/pg_hba.conf"),
        ident=Path("/dpaas/pg_ident.conf"),
        socket_directory=Path(SOCKET),
        port=PORT,
        listen="*",
    )
    texts = {
        "serve": SERVE,
        "postgresql.conf": conf,
        "pg_hba.conf": container_hba(),
        "pg_ident.conf": container_ident(ACCOUNT, (record.details["database"],)),
    }
    return (
        *(Entry(path=f"/dpaas/{name}", content=text.encode(), mode=0o644, uid=0) for name, text in texts.items()),
        _check(record),
    )


def _check(record: InstanceRecord) -> Entry:
    """The health check's question: is everything as the record says? Of use for guessing only, so to nobody else."""
    spec = database_spec(record)
    name = literal(spec.name)
    query = f"""\
SELECT count(*) = 1 FROM pg_database d JOIN pg_authid r ON r.rolname = d.datname
JOIN pg_authid o ON o.oid = d.datdba
WHERE d.datname = {name} AND o.rolname IN ({name}, {literal(holder_role(spec.name))}) AND r.rolcanlogin
  AND r.rolconnlimit = {literal(spec.connection_limit)}
  AND r.rolpassword = {literal(spec.verifier)} AND shobj_description(d.oid, 'pg_database') = {literal(MARK + spec.key)}
  AND NOT has_database_privilege('public', d.oid, 'CONNECT')
"""
    return Entry(path=CHECK, content=query.encode(), mode=0o600)


def _plan_as_found(record: InstanceRecord, facts: DatabaseFacts | None) -> Mapping[str, PlanFact]:
    if facts and facts.role_exists and record.plan.get("connection_limit") is not None:
        return {**record.plan, "connection_limit": facts.connection_limit}
    return record.plan
