"""The `redis` service: one Valkey server an instance."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.account import open_directory
from declarative_paas.providers.addons.binaries import install, wanted_major
from declarative_paas.providers.addons.driver import (
    READY_TIMEOUT_S,
    AddonInstance,
    AddonReading,
    Outputs,
    Progress,
    RegionAddons,
    Repaired,
)
from declarative_paas.providers.addons.names import file_stem
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact, open_sealed, read_json
from declarative_paas.providers.addons.server import require_free_port
from declarative_paas.providers.addons.valkey import ValkeyServer
from declarative_paas.providers.addons.valkey_config import ValkeySettings, attainable_connections, password_hash
from declarative_paas.providers.addons.valkey_facts import differences, plan_as_found, settings_of

SERVICE = "redis"


class ValkeyDriver:
    """Servers `redis-<key>`."""

    def provision(self, region: RegionAddons, instance: AddonInstance, on_progress: Progress) -> Outputs:
        _settings(instance.plan)  # a plan that cannot be is refused before anything is made
        with region.records.lock(instance.key):
            record = region.records.read(instance.key) or _new_record(region, instance)
            server = _load(region, instance.key)
            if record.provisioned and (server is None or not server.data.is_dir()):
                raise ProviderError(ErrorKind.FAILED, f"the data of {record.details['server']} is missing: it is lost")
            return _outputs(region, record, _ensured(region, record, on_progress))

    def read_all(self, region: RegionAddons) -> Mapping[str, AddonReading]:
        records = region.records.all(SERVICE)
        running = region.processes.running()
        readings = {key: _reading(region, record, running) for key, record in records.items()}
        for path in sorted(region.servers.glob("redis-*/server.json")):
            key = str((read_json(path) or {}).get("key", ""))
            if key and key not in records:
                problem = f"the record of {path.parent.name} is missing: its password is lost"
                readings[key] = AddonReading(problems=(problem,), plan={}, outputs={"id": key})
        return readings

    def repair(self, region: RegionAddons, instance: AddonInstance) -> Repaired:
        record = region.records.read(instance.key)
        return self.update(region, instance, record.plan if record else instance.plan)

    def update(self, region: RegionAddons, instance: AddonInstance, plan: Mapping[str, PlanFact]) -> Repaired:
        _settings(plan)
        with region.records.lock(instance.key):
            done: list[str] = []
            record = region.records.read(instance.key)
            if record is None:
                record = _new_record(region, instance)
                done.append(f"made a new password for {instance.key}: the record of the old one was lost")
            _require_same_major(_load(region, instance.key), plan)
            if dict(record.plan) != dict(plan):
                record = replace(record, plan=dict(plan))
                region.records.write(record)
            server = _ensured(region, record, done.append)
            return Repaired(outputs=_outputs(region, record, server), done=tuple(done))

    def deprovision(self, region: RegionAddons, instance: AddonInstance) -> None:
        with region.records.lock(instance.key):
            region.processes.stop(_process_name(instance.key))
            server = _load(region, instance.key)
            if server:
                server.stop_stray()
                server.remove()
            region.records.remove(instance.key)

    def unused_servers(self, region: RegionAddons) -> tuple[str, ...]:
        used = {record.details["server"] for record in region.records.all(SERVICE).values()}
        running = region.processes.running()
        found = (path.parent.name for path in sorted(region.servers.glob("redis-*/server.json")))
        return tuple(name for name in found if name in running and name not in used)


def running_server(region: RegionAddons, record: InstanceRecord) -> ValkeyServer:
    """An instance's server, started unless it runs. Raises ProviderError."""
    return _ensured(region, record, lambda line: None)


def _process_name(key: str) -> str:
    return f"redis-{file_stem(key)}"


def _directory(region: RegionAddons, key: str) -> Path:
    return region.servers / _process_name(key)


def _load(region: RegionAddons, key: str) -> ValkeyServer | None:
    return ValkeyServer.load(_directory(region, key), user=region.user, keyring=region.keyring)


def _new_record(region: RegionAddons, instance: AddonInstance) -> InstanceRecord:
    if _load(region, instance.key) is None:
        install(region.home, "valkey", major=wanted_major(instance.plan))  # refuse now what cannot be had
    record = InstanceRecord(
        key=instance.key,
        service=SERVICE,
        app=instance.app,
        alias=instance.alias,
        plan=dict(instance.plan),
        sealed=region.keyring.seal(secrets.token_urlsafe(32)),
        details={"server": _process_name(instance.key)},
    )
    region.records.write(record)
    return record


def _require_same_major(server: ValkeyServer | None, plan: Mapping[str, PlanFact]) -> None:
    if server and wanted_major(plan) not in (None, server.binaries.major):
        summary = f"{server.name} is of version {server.binaries.version}: another major version needs a copy"
        raise ProviderError(ErrorKind.INVALID, summary)


def _ensured(region: RegionAddons, record: InstanceRecord, tell: Progress) -> ValkeyServer:
    """The instance's server, running with the record's plan and password; tells what had to be done for that."""
    password, settings = open_sealed(region.keyring, record.sealed, record.key), _settings(record.plan)
    name = _process_name(record.key)
    server = _load(region, record.key)
    if server is None:
        open_directory(region.servers)
        server = ValkeyServer.create(
            _directory(region, record.key),
            name=name,
            key=record.key,
            port=region.allocate_port(name),
            user=region.user,
            binaries=install(region.home, "valkey", major=wanted_major(record.plan)),
            keyring=region.keyring,
        )
    data_was_there = server.data.is_dir()
    if record.provisioned and not data_was_there:
        tell(f"the data of {name} was missing: it is lost, began anew and empty")
        # One that still runs on deleted files serves nothing that lasts.
        region.processes.stop(name)
    if name not in region.processes.running() or not server.is_ready():
        if name in region.processes.running():
            region.processes.stop(name)  # it runs and does not answer
        server.stop_stray()
        server.prepare(password, settings)
        require_free_port(server.port, name)
        region.processes.start(server.process())
        server.wait_ready(READY_TIMEOUT_S)
        tell(f"started server {name}")
    before = server.inspect()
    wrong = differences(before, settings, password_hash(password.reveal()))
    server.apply(password, settings)
    for difference in wrong:
        tell(f"mended: {difference}")
    if not record.provisioned:
        region.records.write(replace(record, provisioned=True))
    return server


def _settings(plan: Mapping[str, PlanFact]) -> ValkeySettings:
    return settings_of(plan, attainable_connections())


def _outputs(region: RegionAddons, record: InstanceRecord, server: ValkeyServer) -> Outputs:
    password = open_sealed(region.keyring, record.sealed, record.key).reveal()
    return {
        "id": record.key,
        "url": Sensitive(f"redis://:{password}@127.0.0.1:{server.port}/0"),
        "host": "127.0.0.1",
        "port": str(server.port),
    }


def _reading(region: RegionAddons, record: InstanceRecord, running: set[str]) -> AddonReading:
    name, server = record.details["server"], _load(region, record.key)
    if server is None or not server.data.is_dir():
        lost = "it is lost" if record.provisioned else "making it was interrupted"
        problem = f"the data of {name} is missing: {lost}"
        outputs = _outputs(region, record, server) if server else {"id": record.key}
        return AddonReading(problems=(problem,), plan=record.plan, outputs=outputs)
    outputs = _outputs(region, record, server)
    if name not in running:
        return AddonReading(problems=(f"server {name} is not running",), plan=record.plan, outputs=outputs)
    try:
        facts = server.inspect()
    except ProviderError as problem:
        lines = "; ".join(problem.detail) or problem.summary
        return AddonReading(problems=(f"server {name} does not answer: {lines}",), plan=record.plan, outputs=outputs)
    expected_hash = password_hash(open_sealed(region.keyring, record.sealed, record.key).reveal())
    problems = differences(facts, _settings(record.plan), expected_hash)
    return AddonReading(
        problems=problems, plan=plan_as_found(record.plan, facts, attainable_connections()), outputs=outputs
    )
