"""A Docker region as its add-on services see it, and what their containers, volumes and network are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.names import file_stem
from declarative_paas.providers.addons.records import AddonRecords, InstanceRecord
from declarative_paas.providers.docker.engine import labels
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import ADDON_ROLE, Labels, object_name
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.vault.keyring import Keyring

ADDON: Final = ADDON_ROLE
NETWORK: Final = "addon-network"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonPlace:
    """`networks` tells, by the add-ons' keys, the networks of the dynos that may reach them."""

    engine: Engine
    owner: Labels
    keyring: Keyring
    records: AddonRecords
    images: ServiceImages
    networks: Callable[[], Mapping[str, Sequence[str]]]
    health_interval_s: float

    def server(self, key: str) -> str:
        """The name of an add-on's container and volume, and of its host on the networks of its dynos."""
        return object_name(self.owner, ADDON, file_stem(key))

    def labels(self, record: InstanceRecord) -> Labels:
        told = record.details.get("labels", {})
        return self.owner.with_(
            role=ADDON,
            app=record.app,
            key=record.key,
            scope=told.get("scope", ""),
            address=told.get("address", ""),
            instance=told.get("instance", ""),
        )

    @property
    def network(self) -> str:
        return object_name(self.owner, "addons")

    def ensure_network(self) -> str:
        """The network where add-on servers are at home: no way out of it, and none from one server to another.

        They need one before any dyno's: an engine lets no container change from no network to some.
        """
        import docker.errors

        name = self.network
        api: Any = self.engine.api
        # Two add-ons are often made at once, and an engine of before version 23 makes two networks of one name then.
        with self.records.lock(name), self.engine.told(f"make the network {name}"):
            try:
                found = api.inspect_network(name)
            except docker.errors.NotFound:
                self._make_network(name)
                return name
        if not labels.is_ours(found["Labels"], self.owner):
            raise ProviderError(
                ErrorKind.CONFLICT, f"the network {name} belongs to {labels.told_owner(found['Labels'])}"
            )
        return name

    def _make_network(self, name: str) -> None:
        self.engine.api.create_network(
            name,
            driver="bridge",
            internal=True,
            options={"com.docker.network.bridge.enable_icc": "false"},
            labels=self.owner.with_(role=NETWORK).to_map(),
            check_duplicate=True,
        )

    def remove_network(self) -> None:
        """A no-op when it is gone."""
        import docker.errors

        with self.engine.told(f"remove the network {self.network}"):
            try:
                self.engine.api.remove_network(self.network)
            except docker.errors.NotFound:
                return
