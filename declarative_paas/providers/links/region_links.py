"""The links of one region as its records tell them, and what runs their ends: the `LinkPlace` protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkKeys, LinkSpec
from declarative_paas.providers.links.program import ServedRoute, SourceLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route's end in this region: the add-on that it leads to, or that is led by it. `server` is the add-on's."""

    name: str
    addon: str
    server: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link with its end in this region; `address` is its listener's, here or there."""

    spec: LinkSpec
    address: LinkAddress
    keys: LinkKeys
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two add-ons of this region, by key: the server of the second is led to `server`, that of the first."""

    name: str
    addons: tuple[str, str]
    server: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionLinks:
    """All of them, in a fixed order."""

    region: str
    links: tuple[Link, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @property
    def sources(self) -> tuple[Link, ...]:
        """Those that lead away from servers here."""
        return tuple(link for link in self.links if link.spec.source == self.region)

    @property
    def targets(self) -> tuple[Link, ...]:
        """Those that servers here use."""
        return tuple(link for link in self.links if link.spec.source != self.region)

    @property
    def networks(self) -> Mapping[str, Sequence[str]]:
        """The add-ons' keys by the name of what brings them together: a route or a pair."""
        routes = {route.name: (route.addon,) for link in self.links for route in link.routes}
        return {**routes, **{pair.name: pair.addons for pair in self.pairs}}


def served(links: RegionLinks) -> tuple[SourceLink, ...]:
    """What the listener of the region has to know."""
    return tuple(
        SourceLink(
            link=link.spec,
            keys=link.keys,
            routes=tuple(ServedRoute(name=route.name, server=route.server) for route in link.routes),
        )
        for link in links.sources
    )


class LinkPlace(Protocol):
    """Runs a region's link end. Methods may block and raise ProviderError; one at a time, under `locked`."""

    def locked(self) -> AbstractContextManager[None]:
        """Holds off everybody else who would change the region's links, in this process and in others."""
        ...

    def ensure(self, links: RegionLinks) -> None:
        """The end is as told, and answers; nothing is left of one without links."""
        ...

    def problems(self, links: RegionLinks) -> Mapping[str, tuple[str, ...]]:
        """What is wrong, in words, by the label of the link; changes nothing."""
        ...

    def entry(self, route: Route | Pair) -> Endpoint:
        """Where the server that is led by it finds it. It is part of what was ensured."""
        ...
