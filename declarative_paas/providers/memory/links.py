"""A memory region's end of links: all memory regions are near each other, so nothing has to be opened."""

from __future__ import annotations

from typing import Final

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkKeys, LinkReading, LinkSpec
from declarative_paas.core.provider import ErrorKind, ProviderError

NOWHERE: Final = Endpoint(host="memory", port=1)
"""A memory server listens nowhere; what follows it asks its world."""


class MemoryLinkEnd:
    """See `core.links.LinkEnd`."""

    def open(self, link: LinkSpec, address: LinkAddress, keys: LinkKeys | None) -> None:
        raise ProviderError(ErrorKind.INVALID, "only memory regions have links with memory regions")

    def read(self, link: LinkSpec) -> LinkReading | None:
        return None

    def find(self, scope: Scope, id: str) -> LinkSpec | None:
        return None

    def close(self, link: LinkSpec) -> None:
        return

    def serve(self, link: LinkSpec, route: str, addon: ResourceAddress) -> None:
        return

    def lead(self, link: LinkSpec, route: str, addon: ResourceAddress) -> Endpoint:
        return NOWHERE

    def end_route(self, link: LinkSpec, route: str) -> None:
        return

    def server(self, scope: Scope, addon: ResourceAddress) -> Endpoint:
        return NOWHERE

    def beside(self, scope: Scope, route: str, source: ResourceAddress, target: ResourceAddress) -> Endpoint:
        return NOWHERE

    def apart(self, scope: Scope, route: str) -> None:
        return
