"""Dynos as containers, each on a network of its own with its app's add-ons."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker import logs
from declarative_paas.providers.docker.doors import Doors
from declarative_paas.providers.docker.dyno_containers import (
    DYNO,
    container_name,
    dyno_of,
    is_of,
    labels_of,
    runnable_of,
)
from declarative_paas.providers.docker.dyno_logs import DynoLogs
from declarative_paas.providers.docker.engine import containers, dyno_container, inventory, networks, room
from declarative_paas.providers.docker.engine.dyno_container import DynoState, command_of, dyno_state
from declarative_paas.providers.docker.engine.inventory import ContainerView
from declarative_paas.providers.docker.health import health
from declarative_paas.providers.docker.life import quota_mb
from declarative_paas.providers.docker.one_offs import OneOffs
from declarative_paas.providers.hosting.dynos import Dyno, RunningDyno
from declarative_paas.providers.hosting.environment import opened
from declarative_paas.providers.hosting.host import OneOff
from declarative_paas.providers.hosting.made_once import made_once
from declarative_paas.providers.hosting.records import ReleaseRecord
from declarative_paas.providers.hosting.side_by_side import side_by_side
from declarative_paas.providers.runtime import wording
from declarative_paas.providers.runtime.status import DynoStatus

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion

LISTENING_SLICE_S = 0.25
"""So long one question after a dyno's port waits for it: then the dyno itself is looked at."""

NEXT_END_S = 5.0
LAST_LINES = 20

_EXITED = re.compile(r"\((\d+)\)")


class DockerDynos:
    """The region's dynos. A dyno is known as long as its container is there."""

    at_once = 8
    """An engine makes four to five containers a second, whoever asks; more at once only wait."""

    def __init__(self, region: DockerRegion) -> None:
        self._region = region
        self._logs = DynoLogs(region)
        self._one_offs = OneOffs(region, self._logs)
        self._begun: dict[str, float] = {}
        self._listening: set[str] = set()

    @made_once
    def _doors(self) -> Doors:
        return Doors(self._region.engine, self._region.router.name)

    def all(self) -> Mapping[str, Mapping[str, RunningDyno]]:
        """From one list of containers, and a look at each that is not running."""
        return self.of(inventory.containers(self._region.engine, self._region.owner))

    def of(self, listed: Sequence[ContainerView]) -> Mapping[str, Mapping[str, RunningDyno]]:
        """Those among the containers of a list."""
        found: dict[str, dict[str, RunningDyno]] = {}
        for container in listed:
            if is_of(container, DYNO):
                dyno = self._running(container)
                found.setdefault(dyno.app, {})[dyno.id] = dyno
        return found

    def sampled(self, app: str) -> Mapping[str, RunningDyno]:
        dynos = list(self.all().get(app, {}).values())
        return {dyno.id: dyno for dyno in side_by_side(self.at_once, self._sample, dynos)}

    def start(self, dyno: Dyno, release: ReleaseRecord) -> RunningDyno:
        region = self._region
        app = region.attached(dyno.app)
        runs = runnable_of(region.engine, region.owner, release.slug)
        name = container_name(region.owner, dyno.id)
        labels = labels_of(region.owner, app, DYNO, dyno.id, dyno.release)
        # One that is there and does not serve begins anew: no back-off, no file of its last life.
        if self._logs.keep(name):
            dyno_container.remove_dyno(region.engine, region.owner, name)
        self._listening.discard(dyno.id)
        try:
            network = region.ensure_network(name, labels, app)
            made = dyno_of(
                name=name,
                app=dyno.app,
                version=dyno.release,
                dyno_name=dyno.name,
                command=dyno.command,
                size=dyno.size,
                runs=runs,
                labels=labels,
                network=network,
                release=opened(release, region.keyring),
                web=dyno.is_web,
                stop_timeout_s=region.settings.seconds("stop_timeout_s"),
                restarts=True,
            )
            dyno_container.create_dyno(region.engine, made)
            dyno_container.start_dyno(region.engine, name)
        except ProviderError:
            with suppress(ProviderError):
                self._remove(name)
            raise
        self._begun[dyno.id] = time.monotonic()
        return RunningDyno(
            id=dyno.id,
            app=dyno.app,
            name=dyno.name,
            type=dyno.type,
            release=dyno.release,
            command=dyno.command,
            address=made.address or "",
            port=made.port,
            status=None,
        )

    def status(self, dyno: RunningDyno) -> DynoStatus | None:
        """Of one that was just started. A web dyno that does not listen yet is waited for, for a moment."""
        engine, name = self._region.engine, container_name(self._region.owner, dyno.id)
        state = dyno_state(engine, name)
        if state is None or not state.running or dyno.id in self._listening:
            return _status(dyno, state)
        if state.restarts:
            return _status(dyno, self._next_end(name))
        if dyno.port is None:
            return _status(dyno, state)
        if self._doors.wait_open(dyno.address, dyno.port, timeout_s=LISTENING_SLICE_S):
            self._listening.add(dyno.id)
            return _status(dyno, state)
        return self._booting(dyno, state)

    def health(self, dyno: RunningDyno, path: str) -> str:
        assert dyno.port is not None, "only web dynos have a health path"
        region = self._region
        host = region.app_host(dyno.app)
        return health(region.engine, region.router.name, address=dyno.address, port=dyno.port, host=host, path=path)

    def last_lines(self, dyno: RunningDyno, *, since: datetime) -> Sequence[str]:
        engine, name = self._region.engine, container_name(self._region.owner, dyno.id)
        said = [f"app[{dyno.name}]: {line}" for line in dyno_container.last_lines(engine, name, LAST_LINES)]
        if not said:
            said = room.lack_of_room(engine, name, self._region.owner)
        state = dyno_state(engine, name)
        told = "" if state is None else state.told
        return [*said, f"heroku[{dyno.name}]: {told}"] if told else said

    def stop(self, dyno: RunningDyno) -> None:
        engine, name = self._region.engine, container_name(self._region.owner, dyno.id)
        patience_s = max(1, round(self._region.settings.seconds("stop_timeout_s")))
        if dyno.status is None or dyno.status.state == "up":
            self._logs.tell(dyno.app, dyno.name, wording.STOPPING_SIGTERM)
        killed = dyno_container.stop_dyno(engine, name, patience_s)
        self._logs.keep(name, killed_after_s=patience_s if killed else None)
        self._remove(name)

    def run_captured(self, one_off: OneOff, on_line: Callable[[str], None], *, timeout_s: float) -> int:
        return self._one_offs.run_captured(one_off, on_line, timeout_s=timeout_s)

    def run_foreground(self, one_off: OneOff) -> int:
        return self._one_offs.run_foreground(one_off)

    def clear_lost(self, app: str) -> None:
        """Networks whose dyno was not made any more, or was removed by hand: add-ons' servers may be on them."""
        owner = self._region.owner.with_(role=DYNO, app=app)
        dynos = {container.name for container in inventory.containers(self._region.engine, owner)}
        for network in inventory.networks(self._region.engine, owner):
            if network.name not in dynos:
                networks.remove_network(self._region.engine, network.name, self._region.owner)

    def clear_one_offs(self, app: str, process_type: str) -> None:
        self._one_offs.clear(app, process_type)

    def logs(self, app: str, *, tail: int, follow: bool) -> Iterable[str]:
        return self._logs.lines(app, tail=tail, follow=follow)

    def _remove(self, name: str) -> None:
        """The network last: by it a container that is lost is found."""
        dyno_container.remove_dyno(self._region.engine, self._region.owner, name)
        networks.remove_network(self._region.engine, name, self._region.owner)

    def _running(self, container: ContainerView) -> RunningDyno:
        app, kind, number, _, _ = container.labels.instance.rsplit(".", 4)
        dyno = RunningDyno(
            id=container.labels.instance,
            app=app,
            name=f"{kind}.{number}",
            type=kind,
            release=int(container.labels.release),
            command="",
            address=container.networks.get(container.name, ""),
            port=dyno_container.PORT if kind == "web" else None,
            status=None,
            trouble=None if container.name in container.networks else "has lost its network",
        )
        if container.is_running:
            since = datetime.fromtimestamp(container.created_s, UTC).isoformat()
            return replace(dyno, status=DynoStatus(name=dyno.name, release=dyno.release, state="up", since=since))
        return replace(dyno, status=_status(dyno, dyno_state(self._region.engine, container.id)))

    def _sample(self, dyno: RunningDyno) -> RunningDyno:
        engine, name = self._region.engine, container_name(self._region.owner, dyno.id)
        found = containers.inspected(engine, name, self._region.owner)
        if found is None:
            return dyno
        status = _status(dyno, dyno_container.state_of(found))
        if status is not None and status.state == "up":
            used = dyno_container.memory_used_mb(engine, name) or 0.0
            over = used > quota_mb(found) > 0
            status = replace(status, memory_mb=used, error="R14" if over else None)
        return replace(dyno, status=status, command=command_of(found))

    def _next_end(self, name: str) -> DynoState | None:
        """A dyno that ended is started again within a tenth of a second, and its exit status is then forgotten:
        that of its next end is as good. The engine waits longer before each, so one of them is soon seen."""
        deadline = time.monotonic() + NEXT_END_S
        while True:
            state = dyno_state(self._region.engine, name)
            if state is None or state.restarting or not state.running or time.monotonic() > deadline:
                return state
            time.sleep(0.02)

    def _booting(self, dyno: RunningDyno, state: DynoState) -> DynoStatus:
        """Starting, until its time is over: then it is R10, whatever it does."""
        late = time.monotonic() - self._begun.get(dyno.id, time.monotonic())
        patience_s = self._region.settings.seconds("boot_timeout_s")
        if late <= patience_s:
            return DynoStatus(name=dyno.name, release=dyno.release, state="starting", since=state.started_at)
        self._logs.tell(dyno.app, dyno.name, wording.boot_timeout(patience_s))
        return DynoStatus(name=dyno.name, release=dyno.release, state="crashed", since=state.started_at, error="R10")


def _status(dyno: RunningDyno, state: DynoState | None) -> DynoStatus | None:
    """None when the container is gone."""
    if state is None:
        return None
    since = logs.moment(state.started_at)
    status = DynoStatus(
        name=dyno.name,
        release=dyno.release,
        state="up",
        since="" if since is None else since.isoformat(),
        crashes=state.restarts,
    )
    if state.running and not state.restarting:
        return status
    if not state.restarting:
        # Stopped by somebody: a dyno that ends by itself is restarted by the engine.
        return replace(status, state="down")
    return replace(status, state="crashed", exit_code=state.exit_status, error=state.code)
