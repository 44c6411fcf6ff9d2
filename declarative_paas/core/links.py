"""A link between two regions, and what a region must offer to be one of its two ends.

A link leads one way: database servers of its `target` reach named servers of its `source`, by TLS in which each side
proves itself by a certificate that was made for this link alone. No server's own port is ever published.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.values import Sensitive

LINK_TYPE: Final = "link"
"""The resource type of a link; its attributes are the regions that it leads `from` and `to`."""

DOMAIN: Final = "dpaas-link.internal"
"""Names within TLS only: `internal` is kept free of public names (ICANN, 2024), and nobody resolves these."""

ADDRESS_WANTED: Final = "HOST:PORT: where other regions reach this one; nothing else may listen on that port"

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAddress:
    """Where a region's listener is reached from other regions. `host` is a name or an IPv4 address."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> LinkAddress:
        """`db.example.com:7443`. Raises ValueError on anything else."""
        host, _, port = text.rpartition(":")
        good_host = len(host) < 254 and all(_LABEL.fullmatch(label) for label in host.split("."))
        if not good_host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is not HOST:PORT with a name or an IPv4 address and a port from 1 to 65535")
        return cls(host=host, port=int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """A link from region `source` to region `target`. `id` is its resource's instance: unique for ever."""

    scope: Scope
    id: str
    source: str
    target: str

    @property
    def label(self) -> str:
        """Names the link where only a DNS label can."""
        return f"l{hashlib.sha256(self.id.encode()).hexdigest()[:20]}"

    @property
    def domain(self) -> str:
        """The listener proves to be in this domain, whatever the address that it was reached at."""
        return f"{self.label}.{DOMAIN}"

    def name_of(self, route: str) -> str:
        """What a client asks the listener for (SNI) to be led through a route."""
        return f"{route}.{self.domain}"

    def __str__(self) -> str:
        return f"the link {self.source} -> {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKeys:
    """One end's part, as PEM: its own certificate and key, and the authority that signed both ends' certificates."""

    authority: str
    certificate: str
    key: Sensitive

    @property
    def generation(self) -> str:
        """The same at both ends when their keys were made together."""
        return hashlib.sha256(self.authority.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReading:
    """An end as found. `generation` of its keys, `address` what it dials or listens at; `problems` in words."""

    generation: str
    address: LinkAddress
    problems: tuple[str, ...] = field(default=())


class LinkEnd(Protocol):
    """One region's end of all its links. Methods may block, are idempotent, and raise ProviderError.

    A route leads to one add-on's server; its name is `route_name` of what follows through it.
    """

    def open(self, link: LinkSpec, address: LinkAddress, keys: LinkKeys | None) -> None:
        """The end is there afterwards, with these keys, or with those that it has; routes that it has stay.

        Raises ProviderError (CONFLICT) when somebody else has the address's port.
        """
        ...

    def read(self, link: LinkSpec) -> LinkReading | None:
        """How this end is; None where it is not open. Changes nothing."""
        ...

    def find(self, scope: Scope, id: str) -> LinkSpec | None:
        """The link of which nothing but its id is known, if it has an end here. Changes nothing."""
        ...

    def close(self, link: LinkSpec) -> None:
        """Nothing is left of this end, its keys and its routes. A no-op when it is closed."""
        ...

    def serve(self, link: LinkSpec, route: str, addon: ResourceAddress) -> None:
        """At the source: the route leads to the server of an add-on of this region."""
        ...

    def lead(self, link: LinkSpec, route: str, addon: ResourceAddress) -> Endpoint:
        """At the target: where the server of an add-on of this region, and no other, finds the route's other side."""
        ...

    def end_route(self, link: LinkSpec, route: str) -> None:
        """At either side: the route leads nowhere, and what went through it is cut off."""
        ...

    def server(self, scope: Scope, addon: ResourceAddress) -> Endpoint:
        """The add-on's server itself, for those who are on its network."""
        ...

    def beside(self, scope: Scope, route: str, source: ResourceAddress, target: ResourceAddress) -> Endpoint:
        """Within this region: where the target's server, and no other than before, finds the source's."""
        ...

    def apart(self, scope: Scope, route: str) -> None:
        """Undoes `beside`."""
        ...


@runtime_checkable
class LinkHost(Protocol):
    """What a provider also offers whose region can be an end of links."""

    def link_address(self) -> LinkAddress | None:
        """Where others reach its listener, as its settings say; None where they do not. Asks nobody."""
        ...

    def near(self, other: LinkHost) -> bool:
        """Whether servers of both regions reach each other as they are, so that no tunnel is needed. Asks nobody."""
        ...

    def link_end(self) -> LinkEnd:
        """The region's end. Raises ProviderError."""
        ...


def route_name(identity: CopyIdentity) -> str:
    """The route of a follower: the same for the same two instances, and a DNS label."""
    text = f"{identity.source_instance}\0{identity.target_instance}"
    return f"r{hashlib.sha256(text.encode()).hexdigest()[:20]}"
