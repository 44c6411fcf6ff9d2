"""One Docker region's settings, from the Platform manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from declarative_paas.core.address import Scope
from declarative_paas.core.links import ADDRESS_WANTED, LinkAddress
from declarative_paas.providers.docker.engine.endpoint import EngineAddress, EngineTls
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.hosting.timeouts import TIMEOUTS

DEFAULT_PORT: Final = 80

TEXT_OPTIONS: Final[Mapping[str, str]] = {
    "context": "the Docker context that names the engine, in the place of `host`",
    "tls_ca": "path of the PEM file with the authority that signed the engine's certificate",
    "tls_cert": "path of our own certificate's PEM file",
    "tls_key": "path of our own key's PEM file",
    "address": "IP address or name under which the router is reached; left out: the engine's own",
    "domain": "apps answer as APP.DOMAIN",
    "app_ports": "FIRST-LAST: ports of the engine's host, one an app, for programs that cannot set a Host header",
    "stack": "the stack image that apps are built and run on",
    "pool": "the network that every dyno's own /29 is cut from",
    "link_address": ADDRESS_WANTED,
    "router_image": "an image with HAProxy to use in the place of ours",
    "postgres_image": "an image with PostgreSQL to use in the place of ours",
    "redis_image": "an image with Valkey or Redis to use in the place of ours",
}
"""Options that are texts, and what each is."""

DEFAULTS: Final[Mapping[str, str]] = {
    "domain": "localhost",
    "app_ports": "20000-20099",
    "stack": "default",
    "pool": "10.210.0.0/16",
}

FLAGS: Final[Mapping[str, bool]] = {"guard": True}
"""Options that are true or false. `guard`: whether paths that Docker's API cannot close are closed in the host."""

OPTIONS: Final = frozenset({*TIMEOUTS, *TEXT_OPTIONS, *FLAGS})

_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    """`base_directory` is where relative source paths, and those of TLS files, start; `port` the router's, if chosen.

    Reading one asks no engine; what is malformed is told by `validate`.
    """

    region: str
    base_directory: Path
    scope: Scope
    host: str | None = None
    port: int | None = None
    user: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def seconds(self, name: str) -> float:
        """A timeout option or its default. Raises KeyError for a name that is no option."""
        return float(self.options.get(name, TIMEOUTS[name]))

    def text(self, name: str) -> str | None:
        """A text option or its default, None when it has none."""
        given = self.options.get(name, DEFAULTS.get(name))
        return None if given is None else str(given)

    @property
    def guard(self) -> bool:
        return bool(self.options.get("guard", FLAGS["guard"]))

    @property
    def owner(self) -> Labels:
        """Whose everything is that this region makes."""
        return Labels(platform=self.scope.platform, region=self.region)

    @property
    def engine(self) -> EngineAddress:
        return EngineAddress(host=self.host, context=self.text("context"), tls=self._tls())

    @property
    def router_port(self) -> int:
        return self.port or DEFAULT_PORT

    @property
    def app_ports(self) -> tuple[int, int]:
        """First and last. Raises ValueError for what is no such pair."""
        text = self.text("app_ports") or ""
        found = _PORTS.fullmatch(text)
        if found is None or not 0 < int(found[1]) <= int(found[2]) < 65536:
            raise ValueError(f"{text!r} is not FIRST-LAST with ports from 1 to 65535")
        return int(found[1]), int(found[2])

    @property
    def link_address(self) -> LinkAddress | None:
        """Where other regions reach this one's links. Raises ValueError for what is no such address."""
        given = self.text("link_address")
        return None if given is None else LinkAddress.parse(given)

    @property
    def domain(self) -> str:
        return self.text("domain") or DEFAULTS["domain"]

    def reached_at(self, engine_url: str) -> str:
        """The address that clients know the engine's host by; `engine_url` is where the engine itself was found."""
        given = self.text("address")
        if given is not None:
            return given
        parts = urlsplit(engine_url)
        return "127.0.0.1" if parts.scheme == "unix" or not parts.hostname else parts.hostname

    def _tls(self) -> EngineTls | None:
        paths = {name: self.text(f"tls_{name}") for name in ("ca", "cert", "key")}
        if not any(paths.values()):
            return None
        found = {name: self.base_directory / path if path else None for name, path in paths.items()}
        return EngineTls(ca=found["ca"], cert=found["cert"], key=found["key"])
