"""One Docker region behind the `Provider` protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.links import LinkAddress, LinkHost
from declarative_paas.core.provider import Capabilities
from declarative_paas.core.resource import Resource
from declarative_paas.providers.docker.settings import DockerSettings
from declarative_paas.providers.docker.validate import validate
from declarative_paas.providers.hosting.provider import HostedProvider
from declarative_paas.vault.keyring import Keyring

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion


class DockerProvider(HostedProvider["DockerRegion"]):
    """Containers on one engine."""

    def __init__(self, settings: DockerSettings, *, catalog: Catalog, keyring: Callable[[], Keyring]) -> None:
        super().__init__()
        self._settings = settings
        self._catalog = catalog
        self._keyring = keyring

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=8, renames=True, far_addons=False)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return validate(self._settings, resources)

    def link_address(self) -> LinkAddress | None:
        try:
            return self._settings.link_address
        except ValueError:
            return None  # `validate` tells

    def near(self, other: LinkHost) -> bool:
        """Servers in containers are closed to everybody outside their own networks."""
        return False

    def make_region(self) -> DockerRegion:
        from declarative_paas.providers.docker.region import DockerRegion

        return DockerRegion(self._settings, self._catalog, self._keyring)
