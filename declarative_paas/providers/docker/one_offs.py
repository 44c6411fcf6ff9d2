"""One-off dynos: release phases and what a person runs; each in a container that is removed when it ends."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from declarative_paas.providers.docker.dyno_containers import (
    ONE_OFF,
    container_name,
    dyno_of,
    is_of,
    labels_of,
    name_of,
    runnable_of,
)
from declarative_paas.providers.docker.engine import dyno_container, inventory, networks, oneoff
from declarative_paas.providers.hosting.environment import opened
from declarative_paas.providers.hosting.host import OneOff, one_off_size
from declarative_paas.providers.runtime.oneoff import one_off_name

if TYPE_CHECKING:
    from declarative_paas.providers.docker.dyno_logs import DynoLogs
    from declarative_paas.providers.docker.region import DockerRegion


class OneOffs:
    """Those of a region."""

    def __init__(self, region: DockerRegion, logs: DynoLogs) -> None:
        self._region = region
        self._logs = logs

    def run_captured(self, one_off: OneOff, on_line: Callable[[str], None], *, timeout_s: float) -> int:
        with self._container(one_off) as dyno:
            return oneoff.run_captured(
                self._region.engine, dyno, on_line, timeout_s=timeout_s, ended=lambda: self._logs.keep(dyno.name)
            )

    def run_foreground(self, one_off: OneOff) -> int:
        with self._container(one_off) as dyno:
            return oneoff.run_foreground(self._region.engine, dyno, ended=lambda: self._logs.keep(dyno.name))

    def clear(self, app: str, process_type: str) -> None:
        region = self._region
        for container in inventory.containers(region.engine, region.owner.with_(role=ONE_OFF, app=app)):
            if is_of(container, ONE_OFF) and name_of(container).startswith(f"{process_type}."):
                dyno_container.remove_dyno(region.engine, region.owner, container.name)
        for network in inventory.networks(region.engine, region.owner.with_(role=ONE_OFF, app=app)):
            if network.labels is not None and network.labels.instance.startswith(f"{app}.{process_type}."):
                networks.remove_network(region.engine, network.name, region.owner)

    @contextmanager
    def _container(self, one_off: OneOff) -> Generator[dyno_container.Dyno]:
        """The container to be, on a network of its own that goes with it."""
        region, release = self._region, one_off.release
        app = region.attached(release.app)
        name = one_off_name(one_off.type)
        identifier = f"{release.app}.{name}.v{release.version}.{secrets.token_hex(5)}"
        labels = labels_of(region.owner, app, ONE_OFF, identifier, release.version)
        runs = runnable_of(region.engine, region.owner, release.slug)
        container = container_name(region.owner, identifier)
        try:
            yield dyno_of(
                name=container,
                app=release.app,
                version=release.version,
                dyno_name=name,
                command=one_off.command,
                size=one_off_size(region.catalog, one_off),
                runs=runs,
                labels=labels,
                network=region.ensure_network(container, labels, app),
                release=opened(release, region.keyring),
                web=False,
                stop_timeout_s=region.settings.seconds("stop_timeout_s"),
                restarts=False,
            )
        finally:
            dyno_container.remove_dyno(region.engine, region.owner, container)
            networks.remove_network(region.engine, container, region.owner)
