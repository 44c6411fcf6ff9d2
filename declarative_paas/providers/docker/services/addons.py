"""All add-ons of a Docker region: `hosting.AddonHost` on containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Final, Protocol

from declarative_paas.core.data import DataSide
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.database_record import database_spec
from declarative_paas.providers.addons.driver import AddonInstance, AddonReading, Outputs, Progress, Repaired
from declarative_paas.providers.addons.external_driver import ExternalDriver
from declarative_paas.providers.addons.postgres_follow_remains import refuse_dump
from declarative_paas.providers.addons.records import AddonRecords, InstanceRecord
from declarative_paas.providers.addons.refill import count_tables, refill
from declarative_paas.providers.docker.engine import containers, inventory, networks
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.services import psql
from declarative_paas.providers.docker.services.container_service import STOP_TIMEOUT_S
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.docker.services.place import ADDON, AddonPlace
from declarative_paas.providers.docker.services.postgres import PostgresService
from declarative_paas.providers.docker.services.psql import PsqlServer
from declarative_paas.providers.docker.services.server_addon import ServerAddons
from declarative_paas.providers.docker.services.valkey import ValkeyService
from declarative_paas.vault.keyring import Keyring

HEALTH_INTERVAL_S: Final = 15.0


def _nowhere() -> Mapping[str, Sequence[str]]:
    return {}


class ContainerAddons:
    """Making the object touches nothing. Every method may block and raises ProviderError; usable from many threads.

    `addon_networks` tells, by the add-ons' keys, the networks of the dynos that may reach them: a container that
    has to be made again is put back on them. A server that its health check vouches for is not asked again, so a
    change made inside it shows `health_interval_s` later at most.
    """

    def __init__(
        self,
        engine: Engine,
        owner: Labels,
        keyring: Keyring,
        records: AddonRecords,
        images: ServiceImages,
        *,
        addon_networks: Callable[[], Mapping[str, Sequence[str]]] = _nowhere,
        health_interval_s: float = HEALTH_INTERVAL_S,
    ) -> None:
        self.place = AddonPlace(
            engine=engine,
            owner=inventory.place_of(owner),
            keyring=keyring,
            records=records,
            images=images,
            networks=addon_networks,
            health_interval_s=health_interval_s,
        )
        servers = (PostgresService(), ValkeyService())
        self._servers = {service.service: ServerAddons(self.place, service) for service in servers}
        self._services: Mapping[str, _Service] = {**self._servers, "external": _External(self.place)}

    def provision(self, instance: AddonInstance, on_progress: Progress) -> Outputs:
        """Makes it, or adopts what an interrupted call of the same key made: the password stays the same.

        One that was complete once and is gone is refused: only `repair` begins an empty one.
        """
        return self._service(instance.service).provision(instance, on_progress)

    def read_all(self) -> Mapping[str, AddonReading]:
        """Every add-on of the region by key, in two list calls; changes nothing, starts nothing."""
        owner = self.place.owner.with_(role=ADDON)
        found = inventory.containers(self.place.engine, owner)
        volumes = frozenset(volume.name for volume in inventory.volumes(self.place.engine, owner))
        by_name = {view.name: view for view in found}
        readings: dict[str, AddonReading] = {}
        for servers in self._servers.values():
            readings.update(servers.readings(by_name, volumes))
        readings.update(ExternalDriver().read_all(self.place))
        for view in found:
            key = view.labels.key
            if key and key not in readings:
                problem = f"the record of {view.name} is missing: its password is lost"
                readings[key] = AddonReading(problems=(problem,), plan={}, outputs={"id": key})
        return readings

    def repair(self, instance: AddonInstance) -> Repaired:
        """Mends what `read_all` names as problems, with the same password and the recorded plan.

        Lost data cannot be mended: an empty database is made, and `done` says so.
        """
        return self._service(instance.service).repair(instance)

    def update(self, instance: AddonInstance) -> Repaired:
        """To the instance's plan, keeping data, password and connections; mends what is broken on the way."""
        return self._service(instance.service).update(instance)

    def deprovision(self, instance: AddonInstance) -> None:
        """Deletes it with its data. A no-op when it is gone."""
        self._service(instance.service).deprovision(instance)

    def connect(self, key: str, network: str) -> None:
        """The add-on's server is on a dyno's network from now on, found by its output `host`. Idempotent."""
        if self._has_server(key):
            networks.connect(self.place.engine, self.place.server(key), network)

    def disconnect(self, key: str, network: str) -> None:
        """Takes the add-on's server off a dyno's network. Idempotent."""
        if self._has_server(key):
            networks.disconnect(self.place.engine, self.place.server(key), network)

    def psql(self, key: str, arguments: Sequence[str]) -> int:
        """An SQL shell on the caller's terminal, as the app's own role; the exit status. No password is told."""
        from declarative_paas.providers.docker.engine.oneoff import foreground_exec

        server, record = self._postgres(key)
        command = psql.shell(record.details["database"], arguments)
        return foreground_exec(self.place.engine, server.name, command, user=NOBODY)

    def data_side(self, key: str) -> DataSide:
        """The add-on's data, to be copied. ProviderError (INVALID) for one that is not here or holds none."""
        record = self.place.records.read(key)
        if record is None or record.service not in self._servers:
            raise ProviderError(ErrorKind.INVALID, f"{key} holds no data of this region that could be copied")
        return self._servers[record.service].data_side(record)

    def standing_side(self, key: str) -> DataSide | None:
        """The same: no server is started for it. One that does not run fails when it is asked."""
        return self.data_side(key)

    def dump(self, key: str, into: BinaryIO) -> None:
        """Writes a consistent snapshot of a PostgreSQL database: pg_dump's custom format."""
        server, record = self._postgres(key)
        refuse_dump(server, record.details["database"])
        server.dump(record.details["database"], into)

    def dump_contents(self, key: str, file: BinaryIO) -> Sequence[str]:
        """The entries of a dump; FAILED when it is damaged."""
        server, _ = self._postgres(key)
        return server.contents(file)

    def tables(self, key: str) -> int:
        """How many tables a database has: 0 when nothing would be lost with it."""
        server, record = self._postgres(key)
        return count_tables(server, record.details["database"])

    def restore(self, key: str, file: BinaryIO) -> None:
        """Replaces all that is in a database by a dump's content, or leaves it as it is."""
        server, record = self._postgres(key)
        name = record.details["database"]
        refill(server, database_spec(record), lambda making: server.fill(making, name, file))

    def stop(self) -> None:
        """Stops every server; all data stays."""
        for view in inventory.containers(self.place.engine, self.place.owner.with_(role=ADDON)):
            containers.stop(self.place.engine, view.id, STOP_TIMEOUT_S)

    def start(self) -> None:
        """Starts servers that `stop` stopped. One that was never finished stays: its own step makes it."""
        for view in inventory.containers(self.place.engine, self.place.owner.with_(role=ADDON)):
            if view.state == "exited":
                # One that an earlier version made has that version's configuration.
                record = self.place.records.read(view.labels.key) if view.labels.key else None
                if record is not None and record.service in self._servers:
                    self._servers[record.service].furnish(record)
                containers.start(self.place.engine, view.id)

    def remove_network(self) -> None:
        """Removes the servers' own network: the last one has gone."""
        self.place.remove_network()

    def _has_server(self, key: str) -> bool:
        record = self.place.records.read(key)
        return record is not None and record.service in self._servers

    def _service(self, name: str) -> _Service:
        if name not in self._services:
            raise ProviderError(ErrorKind.INVALID, f"a Docker region has no service {name!r}")
        return self._services[name]

    def _postgres(self, key: str) -> tuple[PsqlServer, InstanceRecord]:
        """Raises ProviderError (INVALID) when there is no such database."""
        record = self.place.records.read(key)
        if record is None or record.service != PostgresService.service:
            raise ProviderError(ErrorKind.INVALID, f"{key} is no PostgreSQL database of this region")
        return PsqlServer(self.place.engine, self.place.server(key)), record


class _Service(Protocol):
    def provision(self, instance: AddonInstance, on_progress: Progress) -> Outputs: ...

    def update(self, instance: AddonInstance) -> Repaired: ...

    def repair(self, instance: AddonInstance) -> Repaired: ...

    def deprovision(self, instance: AddonInstance) -> None: ...


class _External:
    """A service that runs elsewhere: its credential is all there is."""

    def __init__(self, place: AddonPlace) -> None:
        self._place = place
        self._driver = ExternalDriver()

    def provision(self, instance: AddonInstance, on_progress: Progress) -> Outputs:
        return self._driver.provision(self._place, instance, on_progress)

    def update(self, instance: AddonInstance) -> Repaired:
        return self._driver.update(self._place, instance, instance.plan)

    def repair(self, instance: AddonInstance) -> Repaired:
        return self._driver.repair(self._place, instance)

    def deprovision(self, instance: AddonInstance) -> None:
        self._driver.deprovision(self._place, instance)
