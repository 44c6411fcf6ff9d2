"""A region's end of its links over its records and whatever runs it; see `core.links.LinkEnd`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkKeys, LinkReading, LinkSpec
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.hosting.host import RegionHost
from declarative_paas.providers.hosting.link_records import LinkRecords
from declarative_paas.providers.links.region_links import RegionLinks


class HostedLinkEnd:
    """The record first, then what runs: whatever is killed between, the same call again makes it so. Taking away
    starts nothing of the region: it may be its end.

    `told` turns what the rooms below raise into ProviderError.
    """

    def __init__(self, region: RegionHost, told: Callable[[], AbstractContextManager[None]]) -> None:
        self._region = region
        self._told = told

    @property
    def _records(self) -> LinkRecords:
        region = self._region
        return LinkRecords(region.records, region.keyring, region.settings.region)

    def open(self, link: LinkSpec, address: LinkAddress, keys: LinkKeys | None) -> None:
        with self._told():
            self._region.ensure_running()
            with self._region.links.locked():
                self._records.put_end(link, address, keys)
                self._region.links.ensure(self._records.all())

    def read(self, link: LinkSpec) -> LinkReading | None:
        with self._told():
            if not self._region.exists:
                return None
            links = self._records.all()
            found = next((item for item in links.links if item.spec == link), None)
            if found is None:
                return None
            return LinkReading(
                generation=found.keys.generation,
                address=found.address,
                problems=self._region.links.problems(links).get(link.label, ()),
            )

    def find(self, scope: Scope, id: str) -> LinkSpec | None:
        with self._told():
            return self._records.find(scope, id) if self._region.exists else None

    def close(self, link: LinkSpec) -> None:
        with self._told():
            if not self._region.exists:
                return
            with self._region.links.locked():
                self._records.remove_end(link)
                self._region.links.ensure(self._records.all())

    def serve(self, link: LinkSpec, route: str, addon: ResourceAddress) -> None:
        with self._told():
            self._with_route(link, route, addon)

    def lead(self, link: LinkSpec, route: str, addon: ResourceAddress) -> Endpoint:
        with self._told():
            links = self._with_route(link, route, addon)
            for found in links.links:
                for item in found.routes:
                    if (found.spec, item.name) == (link, route):
                        return self._region.links.entry(item)
            raise ProviderError(ErrorKind.INVALID, f"{addon} has no server in region {links.region}")

    def end_route(self, link: LinkSpec, route: str) -> None:
        with self._told():
            if not self._region.exists:
                return
            with self._region.links.locked():
                self._records.remove_route(link, route)
                self._region.links.ensure(self._records.all())

    def server(self, scope: Scope, addon: ResourceAddress) -> Endpoint:
        with self._told():
            return self._records.server_of(scope, addon)

    def beside(self, scope: Scope, route: str, source: ResourceAddress, target: ResourceAddress) -> Endpoint:
        with self._told():
            self._region.ensure_running()
            with self._region.links.locked():
                self._records.put_pair(scope, route, source, target)
                links = self._records.all()
                self._region.links.ensure(links)
            for pair in links.pairs:
                if pair.name == route:
                    return self._region.links.entry(pair)
            raise ProviderError(ErrorKind.INVALID, f"{source} or {target} has no server in region {links.region}")

    def apart(self, scope: Scope, route: str) -> None:
        with self._told():
            if not self._region.exists or not self._records.has_pair(scope, route):
                return
            with self._region.links.locked():
                # Last: as long as the record is there, a call that was killed is made good by the next one.
                links = self._records.all()
                self._region.links.ensure(
                    replace(links, pairs=tuple(pair for pair in links.pairs if pair.name != route))
                )
                self._records.remove_pair(scope, route)

    def _with_route(self, link: LinkSpec, route: str, addon: ResourceAddress) -> RegionLinks:
        self._region.ensure_running()
        with self._region.links.locked():
            self._records.put_route(link, route, addon)
            links = self._records.all()
            self._region.links.ensure(links)
        return links
