"""What a kind of server must offer to be run as an add-on in a container: the `ContainerService` protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from declarative_paas.core.data import DataSide
from declarative_paas.providers.addons.driver import AddonInstance, Outputs
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.services.images import ServerImage
from declarative_paas.providers.docker.services.place import AddonPlace
from declarative_paas.providers.docker.services.server_container import ServerContainer

DATA: Final = "/data"
"""Where a server's volume is in its container."""

STOP_TIMEOUT_S: Final = 60


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

    def begin_files(self) -> tuple[Entry, ...]:
        """What tells the server at its next start that it may begin an empty set of data."""
        ...

    def is_ready(self, place: AddonPlace, record: InstanceRecord) -> bool: ...

    def settle(self, place: AddonPlace, record: InstanceRecord, *, was_complete: bool) -> tuple[str, ...]:
        """Brings a running server to the record's plan and password; what was done, in words."""
        ...

    def inspect(self, place: AddonPlace, record: InstanceRecord) -> Inspection: ...

    def outputs(self, place: AddonPlace, record: InstanceRecord) -> Outputs: ...

    def data_side(self, place: AddonPlace, record: InstanceRecord) -> DataSide: ...
