"""One local region behind the `Provider` protocol."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.links import LinkAddress, LinkHost
from declarative_paas.core.provider import Capabilities, ErrorKind, ProviderError
from declarative_paas.core.resource import Resource
from declarative_paas.providers.hosting.provider import HostedProvider
from declarative_paas.providers.local.settings import LocalSettings
from declarative_paas.providers.local.validate import validate
from declarative_paas.vault.keyring import Keyring

if TYPE_CHECKING:
    from declarative_paas.providers.local.region import LocalRegion


class LocalProvider(HostedProvider["LocalRegion"]):
    """Processes of this machine, under one supervisor a region."""

    def __init__(self, settings: LocalSettings, *, catalog: Catalog, keyring: Callable[[], Keyring]) -> None:
        super().__init__()
        self._settings = settings
        self._catalog = catalog
        self._keyring = keyring

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=8, renames=True, declined=frozenset({"network-isolation", "cpu-quota"}))

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return validate(self._settings, resources)

    def link_address(self) -> LinkAddress | None:
        try:
            return self._settings.link_address
        except ValueError:
            return None  # `validate` tells

    def near(self, other: LinkHost) -> bool:
        """All regions of one platform that are local are on this machine."""
        return isinstance(other, LocalProvider)

    def make_region(self) -> LocalRegion:
        from declarative_paas.providers.local.region import LocalRegion

        return LocalRegion(self._settings, self._catalog, self._keyring)

    @contextmanager
    def told(self) -> Generator[None]:
        from declarative_paas.providers.runtime.ports import PortError
        from declarative_paas.providers.runtime.supervisor import SupervisorError

        with super().told():
            try:
                yield
            except SupervisorError as problem:
                raise ProviderError(ErrorKind.TRANSIENT, str(problem)) from problem
            except PortError as problem:
                raise ProviderError(ErrorKind.UNAVAILABLE, str(problem)) from problem
