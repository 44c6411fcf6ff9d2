"""What every add-on server in a container has in common: made, adopted, mended, read back, removed.

A `ContainerService` says what its container is and how its server is made right; the rest is here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from declarative_paas.core.data import DataSide
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.driver import (
    READY_TIMEOUT_S,
    AddonInstance,
    AddonReading,
    Outputs,
    Progress,
    Repaired,
)
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact
from declarative_paas.providers.docker.engine import containers, images, networks, room
from declarative_paas.providers.docker.engine.inventory import ContainerView
from declarative_paas.providers.docker.services import server_container
from declarative_paas.providers.docker.services.container_service import (
    BEGIN,
    DATA,
    STOP_TIMEOUT_S,
    ContainerService,
    Inspection,
)
from declarative_paas.providers.docker.services.images import ServerImage
from declarative_paas.providers.docker.services.place import AddonPlace
from declarative_paas.providers.docker.services.server_container import Found, ServerContainer
from declarative_paas.providers.hosting.side_by_side import side_by_side

POLL_S: Final = 0.1
ASKED_AT_ONCE: Final = 8


class ServerAddons:
    """All instances of one service in a region."""

    def __init__(self, place: AddonPlace, service: ContainerService) -> None:
        self._place = place
        self._service = service

    def provision(self, instance: AddonInstance, on_progress: Progress) -> Outputs:
        """See `AddonDriver.provision`."""
        self._service.check_plan(instance.plan, None)
        with self._place.records.lock(instance.key):
            record = self._place.records.read(instance.key) or self._new_record(instance)
            record = self._ensured(record, on_progress, even_if_lost=False)
            return self._service.outputs(self._place, record)

    def update(self, instance: AddonInstance) -> Repaired:
        """To the instance's plan, keeping data and password; mends what is broken on the way."""
        return self._mend(instance, instance.plan)

    def repair(self, instance: AddonInstance) -> Repaired:
        """See `AddonDriver.repair`."""
        record = self._place.records.read(instance.key)
        return self._mend(instance, record.plan if record else instance.plan)

    def deprovision(self, instance: AddonInstance) -> None:
        """Container, volume and record. A no-op when they are gone."""
        place, name = self._place, self._place.server(instance.key)
        with place.records.lock(instance.key):
            server_container.remove(place.engine, place.owner, name, stop_timeout_s=STOP_TIMEOUT_S)
            containers.remove_volume(place.engine, name, place.owner)
            place.records.remove(instance.key)

    def furnish(self, record: InstanceRecord) -> None:
        """Gives a stopped server its files anew, as they are written today."""
        server_container.furnish(self._place.engine, self._service.container(self._place, record))

    def data_side(self, record: InstanceRecord) -> DataSide:
        """The instance's data, to be copied; its server runs."""
        return self._service.data_side(self._place, record)

    def readings(self, servers: Mapping[str, ContainerView], volumes: frozenset[str]) -> Mapping[str, AddonReading]:
        """Every instance with a record, from the region's containers by name and its volumes.

        Only a server whose health check does not vouch for it is asked itself.
        """
        records = self._place.records.all(self._service.service)
        wanted: Mapping[str, Sequence[str]] = self._place.networks() if records else {}

        def read(record: InstanceRecord) -> AddonReading:
            return self._reading(record, servers, volumes, wanted.get(record.key, ()))

        # After a restart of the engine no server is known to be healthy, and all of them are asked.
        found = side_by_side(ASKED_AT_ONCE, read, list(records.values()))
        return dict(zip(records, found, strict=True))

    def _mend(self, instance: AddonInstance, plan: Mapping[str, PlanFact]) -> Repaired:
        self._service.check_plan(plan, None)
        done: list[str] = []
        with self._place.records.lock(instance.key):
            record = self._place.records.read(instance.key)
            if record is None:
                record = self._new_record(instance)
                done.append(f"made a new password for {instance.key}: the record of the old one was lost")
            self._service.check_plan(plan, _own_image(record))
            if dict(record.plan) != dict(plan):
                record = replace(record, plan=dict(plan))
                self._place.records.write(record)
            record = self._ensured(record, done.append, even_if_lost=True)
            return Repaired(outputs=self._service.outputs(self._place, record), done=tuple(done))

    def _new_record(self, instance: AddonInstance) -> InstanceRecord:
        """Decides everything that must stay the same over crashes, and makes it durable before anything exists."""
        image = self._service.image(self._place)
        self._service.check_plan(instance.plan, image)
        sealed, details = self._service.new_secrets(self._place, instance)
        record = InstanceRecord(
            key=instance.key,
            service=self._service.service,
            app=instance.app,
            alias=instance.alias,
            plan=dict(instance.plan),
            sealed=sealed,
            details={
                **details,
                "image": image.id,
                "reference": image.reference,
                "version": image.version,
                "labels": {"scope": instance.scope, "address": instance.address, "instance": instance.instance},
            },
        )
        self._place.records.write(record)
        return record

    def _ensured(self, record: InstanceRecord, tell: Progress, *, even_if_lost: bool) -> InstanceRecord:
        """The instance's server runs with the record's plan and password; tells what had to be done for that."""
        place, wanted = self._place, self._service.container(self._place, record)
        found = self._fitting(wanted, tell)
        if found is None:
            place.ensure_network()
            record, wanted = self._with_image(record, wanted)
            server_container.create(place.engine, wanted)
        if found is None or not found.running:
            self._start(record, wanted, tell, even_if_lost=even_if_lost)
        had_mb, gets_mb = found.memory_mb if found else wanted.memory_mb, wanted.memory_mb
        if _is_more(gets_mb, than=had_mb):
            self._set_memory(wanted, had_mb, tell)
        for network in place.networks().get(record.key, ()):
            if found is None or network not in found.networks:
                networks.connect(place.engine, wanted.name, network)
        if found is not None and found.running and not self._service.is_ready(place, record):
            tell(f"server {wanted.name} did not answer: it was started again")
            containers.stop(place.engine, wanted.name, STOP_TIMEOUT_S)
            self._start(record, wanted, tell, even_if_lost=even_if_lost)
        for line in self._service.settle(place, record, was_complete=record.provisioned):
            tell(line)
        if _is_more(had_mb, than=gets_mb):
            # Last: by now the server itself takes less.
            self._set_memory(wanted, had_mb, tell)
        if not record.provisioned:
            record = replace(record, provisioned=True)
            place.records.write(record)
        return record

    def _set_memory(self, wanted: ServerContainer, had_mb: int | None, tell: Progress) -> None:
        server_container.set_memory(self._place.engine, wanted.name, wanted.memory_mb or 0)
        tell(f"set the memory of {wanted.name} from {had_mb or 'no'} to {wanted.memory_mb} MB")

    def _fitting(self, wanted: ServerContainer, tell: Progress) -> Found | None:
        """The container as it is; one that is not as it must be is removed, without its data."""
        place = self._place
        found = server_container.find(place.engine, place.owner, wanted.name, DATA)
        if found is None or (found.volume == wanted.volume and found.spec == wanted.spec):
            return found
        if found.volume != wanted.volume:
            tell(f"server {wanted.name} used the volume {found.volume or 'of nobody'}, not its own")
        server_container.remove(place.engine, place.owner, wanted.name, stop_timeout_s=STOP_TIMEOUT_S)
        return None

    def _with_image(self, record: InstanceRecord, wanted: ServerContainer) -> tuple[InstanceRecord, ServerContainer]:
        """The image that the server was made with; the present one of the same major version where it is gone."""
        if images.image_id(self._place.engine, wanted.image) is not None:
            return record, wanted
        image = self._service.image(self._place)
        if image.version.split(".")[0] != str(record.details["version"]).split(".")[0]:
            raise ProviderError(
                ErrorKind.FAILED,
                f"the image {record.details['reference']} of {wanted.name} is gone, and its data is of version "
                f"{record.details['version']}: what there is now is {image.version or image.reference}",
            )
        details = {"image": image.id, "reference": image.reference, "version": image.version}
        record = replace(record, details={**record.details, **details})
        self._place.records.write(record)
        return record, replace(wanted, image=image.id)

    def _start(self, record: InstanceRecord, wanted: ServerContainer, tell: Progress, *, even_if_lost: bool) -> None:
        place, engine, service = self._place, self._place.engine, self._service
        server_container.furnish(engine, wanted)
        if not server_container.path_exists(engine, wanted.name, service.witness):
            if record.provisioned and not even_if_lost:
                raise ProviderError(ErrorKind.FAILED, f"the data of {wanted.name} is missing: it is lost")
            if record.provisioned:
                tell(f"the data of {wanted.name} was missing: it is lost, began anew and empty")
            containers.put(engine, wanted.name, (BEGIN,))
        containers.start(engine, wanted.name)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not service.is_ready(place, record):
            found = server_container.find(engine, place.owner, wanted.name, DATA)
            ended = found is None or (not found.running and found.exit_status != 0)
            if ended or time.monotonic() > deadline:
                lines = [] if found is None else room.last_words(engine, wanted.name, place.owner)
                raise ProviderError(
                    ErrorKind.FAILED,
                    f"server {wanted.name} does not start",
                    detail=[*lines, *([] if ended else self._complaint(record))],
                )
            time.sleep(POLL_S)
        tell(f"started server {wanted.name}")

    def _complaint(self, record: InstanceRecord) -> Sequence[str]:
        """Why a server that runs cannot be asked."""
        try:
            return self._service.inspect(self._place, record).problems
        except ProviderError as problem:
            return problem.detail or [problem.summary]

    def _reading(
        self,
        record: InstanceRecord,
        servers: Mapping[str, ContainerView],
        volumes: frozenset[str],
        networks_: Sequence[str],
    ) -> AddonReading:
        name = self._place.server(record.key)
        outputs, view = self._service.outputs(self._place, record), servers.get(name)
        problem = _trouble(record, name, view, volumes)
        if problem is not None or view is None:
            return AddonReading(problems=(problem or "",), plan=record.plan, outputs=outputs)
        apart = sorted(set(networks_) - view.networks.keys())
        cut_off = tuple(f"server {name} is not on the network {network}" for network in apart)
        if view.health == "healthy":
            return AddonReading(problems=cut_off, plan=record.plan, outputs=outputs)
        try:
            seen = self._service.inspect(self._place, record)
        except ProviderError as failure:
            lines = "; ".join(failure.detail) or failure.summary
            seen = Inspection(problems=(f"server {name} does not answer: {lines}",), plan=record.plan)
        return AddonReading(problems=(*seen.problems, *cut_off), plan=seen.plan, outputs=outputs)


def _trouble(record: InstanceRecord, name: str, view: ContainerView | None, volumes: frozenset[str]) -> str | None:
    """What keeps a server from being asked, if anything."""
    if name not in volumes:
        lost = "its data is lost" if record.provisioned else "making it was interrupted"
        return f"the volume of {name} is missing: {lost}"
    if view is None:
        return f"server {name} is missing: its container was removed"
    if name not in view.volumes:
        return f"server {name} uses another volume than its own"
    if not view.is_running:
        return f"server {name} is not running: {view.status or view.state}"
    return None


def _is_more(memory_mb: int | None, *, than: int | None) -> bool:
    """None is no limit."""
    unlimited = float("inf")
    return (memory_mb or unlimited) > (than or unlimited)


def _own_image(record: InstanceRecord) -> ServerImage:
    details = record.details
    return ServerImage(id=details["image"], reference=details["reference"], version=details["version"])
