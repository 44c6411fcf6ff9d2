"""Which dynos a formation wants, and those that there are, as values. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from declarative_paas.catalog.model import Catalog, DynoSize
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.runtime.status import DynoStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Dyno:
    """One dyno of one release. Two dynos with the same `id` are the same: it need not be started again.

    `place` tells platforms and regions of one machine apart: leftovers of a dyno are found, and ended, by its id.
    `command` is a shell text; "" is that of the image it runs.
    """

    place: str
    app: str
    type: str
    number: int
    release: int
    command: str
    size: DynoSize
    health: str | None

    @property
    def name(self) -> str:
        return f"{self.type}.{self.number}"

    @property
    def is_web(self) -> bool:
        return self.type == "web"

    @property
    def id(self) -> str:
        """Names its program, files and working directory: app, dyno, release and what it is started with."""
        content = json.dumps([self.place, self.command, self.size.name, self.size.memory_mb, self.size.memory_kill_mb])
        fingerprint = hashlib.sha256(content.encode()).hexdigest()[:10]
        return f"{self.app}.{self.type}.{self.number}.v{self.release}.{fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDyno:
    """A dyno that was started and not removed.

    The router reaches it at `address`:`port`; only web dynos have a port. `status` is None before anything is
    known of it. `trouble` completes "web.1 …": what an up dyno lacks nevertheless, such as its files.
    """

    id: str
    app: str
    name: str
    type: str
    release: int
    command: str
    address: str
    port: int | None
    status: DynoStatus | None
    trouble: str | None = None

    @property
    def is_up(self) -> bool:
        return self.status is not None and self.status.state == "up" and self.trouble is None


def wanted_dynos(
    place: str, app: str, release: int, processes: Mapping[str, Mapping[str, Any]], catalog: Catalog
) -> list[Dyno]:
    """Every dyno of the formation, web first. Raises ProviderError for a size the catalog lacks."""
    found: list[Dyno] = []
    for process_type in sorted(processes, key=lambda name: (name != "web", name)):
        process = processes[process_type]
        size = catalog.size(process["size"])
        if size is None:
            raise ProviderError(ErrorKind.INVALID, f"the catalog has no dyno size {process['size']!r}")
        found.extend(
            Dyno(
                place=place,
                app=app,
                type=process_type,
                number=number,
                release=release,
                command=process["command"] or "",
                size=size,
                health=process["health"],
            )
            for number in range(1, int(process["quantity"]) + 1)
        )
    return found
