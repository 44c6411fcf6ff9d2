"""What a kind of server must offer to be run as an add-on in a container: the `ContainerService` protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from declarative_paas.core.data import DataSide
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.binaries import wanted_major
from declarative_paas.providers.addons.driver import AddonInstance, Outputs
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.services.images import ServerImage
from declarative_paas.providers.docker.services.place import AddonPlace
from declarative_paas.providers.docker.services.server_container import Healthcheck, ServerContainer

DATA: Final = "/data"
"""Where a server's volume is in its container."""

STOP_TIMEOUT_S: Final = 60

BEGIN: Final = Entry(path=f"{DATA}/begin", content=b"")
"""Tells a server at its next start that it may begin an empty set of data. In the volume: one that was emptied later
does not hold it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is wrong with a server that runs, and its plan as it really is."""

    problems: tuple[str, ...]
    plan: Mapping[str, PlanFact]


class ContainerService(Protocol):
    """One kind of server. Every method may block and raises ProviderError."""

    service: ClassVar[str]
    witness: ClassVar[str]
    """A file that is in the volume exactly when there is data in it."""

    def image(self, place: AddonPlace) -> ServerImage: ...

    def check_plan(self, plan: Mapping[str, PlanFact], image: ServerImage | None) -> None:
        """Raises ProviderError (INVALID) for a plan that cannot be, or not on this image."""
        ...

    def new_secrets(self, place: AddonPlace, instance: AddonInstance) -> tuple[str, Mapping[str, Any]]:
        """(sealed password, details) of an instance, decided once."""
        ...

    def container(self, place: AddonPlace, record: InstanceRecord) -> ServerContainer: ...

    def is_ready(self, place: AddonPlace, record: InstanceRecord) -> bool: ...

    def settle(self, place: AddonPlace, record: InstanceRecord, *, was_complete: bool) -> tuple[str, ...]:
        """Brings a running server to the record's plan and password; what was done, in words."""
        ...

    def inspect(self, place: AddonPlace, record: InstanceRecord) -> Inspection: ...

    def outputs(self, place: AddonPlace, record: InstanceRecord) -> Outputs: ...

    def data_side(self, place: AddonPlace, record: InstanceRecord) -> DataSide: ...


def require_major(plan: Mapping[str, PlanFact], image: ServerImage | None, *, product: str, option: str) -> None:
    """Raises ProviderError (INVALID) when the plan asks for another major version than a known image has.

    `option` is the region's option that names another image.
    """
    major = wanted_major(plan)
    if major is None or image is None or not image.version:
        return
    if image.version.split(".")[0] != str(major):
        raise ProviderError(
            ErrorKind.INVALID,
            f"{product} {major} was asked for, and {image.reference} is {image.version}: another major version "
            f"needs an image of its own (the region's option `{option}`) and a copy of the data",
        )


def server_container(
    place: AddonPlace,
    record: InstanceRecord,
    *,
    files: tuple[Entry, ...],
    memory_mb: int,
    health: tuple[str, ...],
    stop_signal: str,
) -> ServerContainer:
    """An add-on's server as every kind of it is run: its name is its volume's, its program the file /dpaas/serve."""
    name = place.server(record.key)
    return ServerContainer(
        name=name,
        image=record.details["image"],
        command=("sh", "/dpaas/serve"),
        labels=place.labels(record),
        volume=name,
        mount=DATA,
        network=place.network,
        files=files,
        memory_mb=memory_mb,
        healthcheck=Healthcheck(command=health, interval_s=place.health_interval_s),
        stop_signal=stop_signal,
        stop_timeout_s=STOP_TIMEOUT_S,
        # It is on the networks of several dynos, and must not be their way to each other.
        sysctls={"net.ipv4.ip_forward": "0"},
    )
