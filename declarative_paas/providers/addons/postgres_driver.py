"""The `postgres` service: one server a region and major version, one role and database an instance."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers import filelock
from declarative_paas.providers.addons.account import open_directory
from declarative_paas.providers.addons.binaries import install, wanted_major
from declarative_paas.providers.addons.database_record import database_problems, database_spec
from declarative_paas.providers.addons.databases import (
    DatabaseFacts,
    drop_database,
    ensure_database,
    inspect_all,
)
from declarative_paas.providers.addons.driver import (
    READY_TIMEOUT_S,
    AddonInstance,
    AddonReading,
    Outputs,
    Progress,
    RegionAddons,
    Repaired,
)
from declarative_paas.providers.addons.names import database_name
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact, open_sealed
from declarative_paas.providers.addons.scram import scram_verifier
from declarative_paas.providers.addons.server import require_free_port

SERVICE = "postgres"


class PostgresDriver:
    """Databases on the region's servers `postgres-<major>`."""

    def provision(self, region: RegionAddons, instance: AddonInstance, on_progress: Progress) -> Outputs:
        with region.records.lock(instance.key):
            record = region.records.read(instance.key) or _new_record(region, instance)
            server = _started(region, record.details["server"], on_progress)
            facts = inspect_all(server).get(record.details["database"])
            if record.provisioned and not (facts and facts.exists):
                summary = f"database {record.details['database']} is missing: its data is lost"
                raise ProviderError(ErrorKind.FAILED, summary)
            for line in ensure_database(server, database_spec(record)):
                on_progress(line)
            _finish(region, record)
            return _outputs(region, record, server)

    def read_all(self, region: RegionAddons) -> Mapping[str, AddonReading]:
        records = region.records.all(SERVICE)
        readings: dict[str, AddonReading] = {}
        for server in _servers(region):
            own = {key: record for key, record in records.items() if record.details["server"] == server.name}
            problem, databases = _look(region, server)
            for key, record in own.items():
                readings[key] = _reading(region, server, record, problem, databases)
            for name, facts in databases.items():
                if facts.key and facts.key not in records:
                    readings[facts.key] = _unrecorded(server, name, facts)
        for key in records.keys() - readings.keys():
            lost = f"server {records[key].details['server']} is missing: its databases are lost"
            readings[key] = AddonReading(problems=(lost,), plan=records[key].plan, outputs={"id": key})
        return readings

    def repair(self, region: RegionAddons, instance: AddonInstance) -> Repaired:
        record = region.records.read(instance.key)
        return self.update(region, instance, record.plan if record else instance.plan)

    def update(self, region: RegionAddons, instance: AddonInstance, plan: Mapping[str, PlanFact]) -> Repaired:
        with region.records.lock(instance.key):
            done: list[str] = []
            record = region.records.read(instance.key)
            if record is None:
                record = _new_record(region, instance)
                done.append(f"made a new password for {record.details['database']}: the record of the old one was lost")
            _require_same_major(record, plan)
            if dict(record.plan) != dict(plan):
                record = replace(record, plan=dict(plan))
                region.records.write(record)
            server = _started(region, record.details["server"], done.append, even_if_lost=True)
            facts = inspect_all(server).get(record.details["database"])
            if record.provisioned and not (facts and facts.exists):
                done.append(f"database {record.details['database']} was missing: its data is lost")
            done.extend(ensure_database(server, database_spec(record)))
            _finish(region, record)
            return Repaired(outputs=_outputs(region, record, server), done=tuple(done))

    def deprovision(self, region: RegionAddons, instance: AddonInstance) -> None:
        with region.records.lock(instance.key):
            record = region.records.read(instance.key)
            name = record.details["database"] if record else database_name(instance.key)
            for server in _servers(region):
                if record and server.name != record.details["server"]:
                    continue
                # A server that was never finished has no database, and must not be begun for a deletion.
                unborn = not server.data.exists()
                if unborn or server.is_data_lost() or (record is None and not _answers(region, server)):
                    continue
                drop_database(_started(region, server.name, lambda line: None), name, key=instance.key)
            region.records.remove(instance.key)

    def unused_servers(self, region: RegionAddons) -> tuple[str, ...]:
        used = {record.details["server"] for record in region.records.all(SERVICE).values()}
        running = region.processes.running()
        return tuple(server.name for server in _servers(region) if server.name in running and server.name not in used)


def psql_command(region: RegionAddons, key: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """(argv, environment to add) of an SQL shell on an instance's database, as its own role.

    The password is only in the environment. Raises ProviderError (INVALID) when there is no such instance.
    """
    server, record = server_of(region, key)
    return server.psql_command(record.details["database"], open_sealed(region.keyring, record.sealed, key))


def server_of(region: RegionAddons, key: str) -> tuple[PostgresServer, InstanceRecord]:
    """An instance's server and record. Raises ProviderError (INVALID) when there is no such instance."""
    record = region.records.read(key)
    server = _load(region, region.servers / record.details["server"]) if record else None
    if record is None or server is None or record.service != SERVICE:
        raise ProviderError(ErrorKind.INVALID, f"{key} is no PostgreSQL database of this region")
    return server, record


def running_server(region: RegionAddons, record: InstanceRecord) -> PostgresServer:
    """An instance's server, started unless it runs. Raises ProviderError."""
    return _started(region, record.details["server"], lambda line: None)


def _new_record(region: RegionAddons, instance: AddonInstance) -> InstanceRecord:
    """Decides everything that must stay the same over crashes, and makes it durable before anything exists."""
    server = _server_for(region, wanted_major(instance.plan))
    password = secrets.token_urlsafe(32)
    record = InstanceRecord(
        key=instance.key,
        service=SERVICE,
        app=instance.app,
        alias=instance.alias,
        plan=dict(instance.plan),
        sealed=region.keyring.seal(password),
        details={
            "server": server.name,
            "database": database_name(instance.key),
            "verifier": scram_verifier(password),
        },
    )
    region.records.write(record)
    return record


def _finish(region: RegionAddons, record: InstanceRecord) -> None:
    if not record.provisioned:
        region.records.write(replace(record, provisioned=True))


def _require_same_major(record: InstanceRecord, plan: Mapping[str, PlanFact]) -> None:
    major = wanted_major(plan)
    if major is not None and record.details["server"] != f"postgres-{major}":
        summary = f"{record.key} is on {record.details['server']}: another major version needs a copy, not an update"
        raise ProviderError(ErrorKind.INVALID, summary)


def _server_for(region: RegionAddons, major: int | None) -> PostgresServer:
    """The server of a major version (None: of the installed binaries), recorded when it is new."""
    if major is not None:
        existing = _load(region, region.servers / f"postgres-{major}")
        if existing:
            return existing
    binaries = install(region.home, "postgres", major=major)
    name = f"postgres-{binaries.major}"
    open_directory(region.servers)
    with filelock.held(region.servers / f".{name}.lock"):
        return _load(region, region.servers / name) or PostgresServer.create(
            region.servers / name,
            name=name,
            run_directory=region.run_directory,
            port=region.allocate_port(name),
            user=region.user,
            binaries=binaries,
            keyring=region.keyring,
        )


def _load(region: RegionAddons, directory: Path) -> PostgresServer | None:
    return PostgresServer.load(directory, run_directory=region.run_directory, user=region.user, keyring=region.keyring)


def _servers(region: RegionAddons) -> list[PostgresServer]:
    loaded = (_load(region, path) for path in sorted(region.servers.glob("postgres-*")))
    return [server for server in loaded if server]


def _answers(region: RegionAddons, server: PostgresServer) -> bool:
    return server.name in region.processes.running() and server.is_ready()


def _started(region: RegionAddons, name: str, tell: Progress, *, even_if_lost: bool = False) -> PostgresServer:
    """The server, running and ready; tells what had to be done for that."""
    server = _load(region, region.servers / name)
    if server is None:
        if not even_if_lost:
            raise ProviderError(ErrorKind.FAILED, f"server {name} is missing: its databases are lost")
        server = _server_for(region, int(name.removeprefix("postgres-")))
        tell(f"server {name} was missing: began a new, empty one")
    # Several databases are often made at once: one of them starts the server, the others wait.
    with filelock.held(region.servers / f".{name}.lock"):
        if _answers(region, server) and not server.is_data_lost():
            return server
        if server.is_data_lost() and even_if_lost:
            tell(f"the data directory of {name} was gone: began a new, empty one")
        if name in region.processes.running():
            region.processes.stop(name)  # it runs and does not answer
        server.stop_stray()
        server.prepare(even_if_lost=even_if_lost)
        require_free_port(server.port, name)
        region.processes.start(server.process())
        server.wait_ready(READY_TIMEOUT_S)
        tell(f"started server {name}")
    return server


def _outputs(region: RegionAddons, record: InstanceRecord, server: PostgresServer) -> Outputs:
    name = record.details["database"]
    password = open_sealed(region.keyring, record.sealed, record.key).reveal()
    return {
        "id": record.key,
        "url": Sensitive(f"postgresql://{name}:{password}@127.0.0.1:{server.port}/{name}"),
        "host": "127.0.0.1",
        "port": str(server.port),
        "database": name,
    }


def _look(region: RegionAddons, server: PostgresServer) -> tuple[str | None, Mapping[str, DatabaseFacts]]:
    """What is wrong with a server as a whole, if anything, and its databases."""
    if server.is_data_lost():
        return f"the data directory of server {server.name} is gone: its databases are lost", {}
    if server.name not in region.processes.running():
        return f"server {server.name} is not running", {}
    try:
        return None, inspect_all(server)
    except ProviderError as problem:
        return f"server {server.name} does not answer: {'; '.join(problem.detail) or problem.summary}", {}


def _reading(
    region: RegionAddons,
    server: PostgresServer,
    record: InstanceRecord,
    server_problem: str | None,
    databases: Mapping[str, DatabaseFacts],
) -> AddonReading:
    outputs, plan = _outputs(region, record, server), dict(record.plan)
    if server_problem:
        return AddonReading(problems=(server_problem,), plan=plan, outputs=outputs)
    name = record.details["database"]
    facts = databases.get(name)
    if facts and facts.role_exists and record.plan.get("connection_limit") is not None:
        plan["connection_limit"] = facts.connection_limit
    return AddonReading(problems=database_problems(record, name, facts), plan=plan, outputs=outputs)


def _unrecorded(server: PostgresServer, name: str, facts: DatabaseFacts) -> AddonReading:
    return AddonReading(
        problems=(f"the record of database {name} is missing: its password is lost",),
        plan={"connection_limit": facts.connection_limit},
        outputs={"id": facts.key or name, "host": "127.0.0.1", "port": str(server.port), "database": name},
    )
