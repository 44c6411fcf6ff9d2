"""A region's links among its records: one record a link's end, one a route, one a pair of servers side by side.

They are the region's own and no resources of it: the resource `link` stands between two regions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkKeys, LinkSpec
from declarative_paas.core.provider import ErrorKind, InstanceKey, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.hosting.records import Record, Records
from declarative_paas.providers.links.region_links import Link, Pair, RegionLinks, Route
from declarative_paas.vault.keyring import Keyring

END: Final = "link_end"
ROUTE: Final = "link_route"
PAIR: Final = "link_pair"
TYPES: Final = frozenset({END, ROUTE, PAIR})

Everything = Mapping[tuple[str, ResourceAddress, str], Record]


class LinkRecords:
    """What is written and read of them; raises ProviderError."""

    def __init__(self, records: Records, keyring: Keyring, region: str) -> None:
        self._records = records
        self._keyring = keyring
        self._region = region

    def put_end(self, link: LinkSpec, address: LinkAddress, keys: LinkKeys | None) -> None:
        """The link's end, with the keys that it has where none are given. One of an earlier instance between the same
        regions goes, with its routes. Raises ProviderError (INVALID) when there are no keys.
        """
        for spec in [spec for spec in self._specs(str(link.scope)) if _same_way(spec, link) and spec.id != link.id]:
            self.remove_end(spec)
        before = self._records.get(str(link.scope), _end_key(link))
        if keys is None and before is None:
            raise ProviderError(ErrorKind.INVALID, f"{link} has no keys in region {self._region}")
        sealed = self._sealed(keys) if keys is not None else before.sealed if before is not None else ""
        facts = {"source": link.source, "target": link.target, "address": str(address)}
        self._records.put(str(link.scope), _end_key(link), Record(attributes={}, facts=facts, sealed=sealed))

    def _sealed(self, keys: LinkKeys) -> str:
        told = {"authority": keys.authority, "certificate": keys.certificate, "key": keys.key.reveal()}
        return self._keyring.seal(json.dumps(told))

    def find(self, scope: Scope, id: str) -> LinkSpec | None:
        """The link of that id, if it has an end here."""
        return next((spec for spec in self._specs(str(scope)) if spec.id == id), None)

    def remove_end(self, link: LinkSpec) -> None:
        """Its routes first: without the end nobody would look for them."""
        for scope, address, instance in self._records.all(str(link.scope)):
            if address.type == ROUTE and address.app == link.id:
                self._records.remove(scope, (address, instance))
        self._records.remove(str(link.scope), _end_key(link))

    def put_route(self, link: LinkSpec, name: str, addon: ResourceAddress) -> None:
        """Raises ProviderError (INVALID) when the link is not open here, or the add-on not of this region."""
        if self._records.get(str(link.scope), _end_key(link)) is None:
            raise ProviderError(ErrorKind.INVALID, f"{link} has no end in region {self._region}")
        facts = {"addon": self.key_of(link.scope, addon)}
        self._records.put(str(link.scope), _route_key(link, name), Record(attributes={}, facts=facts))

    def remove_route(self, link: LinkSpec, name: str) -> None:
        self._records.remove(str(link.scope), _route_key(link, name))

    def put_pair(self, scope: Scope, name: str, source: ResourceAddress, target: ResourceAddress) -> None:
        """Raises ProviderError (INVALID) when one of them is not of this region."""
        facts = {"addons": [self.key_of(scope, source), self.key_of(scope, target)]}
        self._records.put(str(scope), _pair_key(name), Record(attributes={}, facts=facts))

    def has_pair(self, scope: Scope, name: str) -> bool:
        return self._records.get(str(scope), _pair_key(name)) is not None

    def remove_pair(self, scope: Scope, name: str) -> None:
        self._records.remove(str(scope), _pair_key(name))

    def key_of(self, scope: Scope, addon: ResourceAddress) -> str:
        """The add-on's newest instance, as the region names it."""
        return str(self._addon(scope, addon).facts["key"])

    def server_of(self, scope: Scope, addon: ResourceAddress) -> Endpoint:
        """Raises ProviderError (INVALID) for an add-on that is not of this region, or has no server here."""
        found = _server(self._addon(scope, addon))
        if found is None:
            raise ProviderError(ErrorKind.INVALID, f"{addon} has no server in region {self._region}")
        return found

    def all(self) -> RegionLinks:
        """Of every scope: they share one end."""
        everything = self._records.all()
        servers = {str(record.facts["key"]): _server(record) for record in _of_type(everything, "addon").values()}
        return RegionLinks(
            region=self._region,
            links=tuple(sorted(self._links(everything, servers), key=lambda link: link.spec.label)),
            pairs=tuple(sorted(_pairs(everything, servers), key=lambda pair: pair.name)),
        )

    def _links(self, everything: Everything, servers: Mapping[str, Endpoint | None]) -> Iterator[Link]:
        routes = _of_type(everything, ROUTE)
        for (scope, _, instance), record in _of_type(everything, END).items():
            spec = _spec(scope, instance, record)
            told: Mapping[str, str] = json.loads(self._keyring.open(record.sealed))
            mine = [
                Route(name=where.name, addon=str(found.facts["addon"]), server=server)
                for (theirs, where, _), found in sorted(routes.items())
                if (theirs, where.app) == (scope, spec.id)
                # An add-on that is gone needs no route any more.
                and (server := servers.get(str(found.facts["addon"]))) is not None
            ]
            yield Link(
                spec=spec,
                address=LinkAddress.parse(str(record.facts["address"])),
                keys=LinkKeys(authority=told["authority"], certificate=told["certificate"], key=Sensitive(told["key"])),
                routes=tuple(mine),
            )

    def _specs(self, scope: str) -> list[LinkSpec]:
        found = _of_type(self._records.all(scope), END)
        return [_spec(where, instance, record) for (where, _, instance), record in found.items()]

    def _addon(self, scope: Scope, addon: ResourceAddress) -> Record:
        record = self._records.current(str(scope), addon)
        if record is None:
            raise ProviderError(ErrorKind.INVALID, f"{addon} is not in region {self._region}")
        return record


def _spec(scope: str, instance: str, record: Record) -> LinkSpec:
    source, target = str(record.facts["source"]), str(record.facts["target"])
    return LinkSpec(scope=Scope.parse(scope), id=instance, source=source, target=target)


def _pairs(everything: Everything, servers: Mapping[str, Endpoint | None]) -> Iterator[Pair]:
    for (_, address, _), record in _of_type(everything, PAIR).items():
        first, second = (str(key) for key in record.facts["addons"])
        server = servers.get(first)
        if server is not None and servers.get(second) is not None:
            yield Pair(name=address.app, addons=(first, second), server=server)


def _server(record: Record) -> Endpoint | None:
    outputs: Mapping[str, Any] = record.outputs
    if not outputs.get("host") or not outputs.get("port"):
        return None
    return Endpoint(host=str(outputs["host"]), port=int(outputs["port"]))


def _of_type(everything: Everything, kind: str) -> Everything:
    return {key: record for key, record in everything.items() if key[1].type == kind}


def _same_way(one: LinkSpec, other: LinkSpec) -> bool:
    return (one.source, one.target) == (other.source, other.target)


def _end_key(link: LinkSpec) -> InstanceKey:
    return (ResourceAddress(END, link.source, link.target), link.id)


def _route_key(link: LinkSpec, name: str) -> InstanceKey:
    return (ResourceAddress(ROUTE, link.id, name), name)


def _pair_key(name: str) -> InstanceKey:
    return (ResourceAddress(PAIR, name), name)
