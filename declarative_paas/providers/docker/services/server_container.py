"""One long-running server of the region's own, in a container with a volume: what it is to be, and what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from declarative_paas.providers.docker.engine import containers, labels
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG, NOBODY, Entry
from declarative_paas.providers.docker.engine.labels import Labels

SHARED_MEMORY_BYTES: Final = 128 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """A command in the container, its exit status 0 when all is well; seconds between two, and for one."""

    command: Sequence[str]
    interval_s: float
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContainer:
    """A server as its container is to be. `network` is a network's name, or "host".

    `user` may be root, then with `capabilities` and no others. `labels` are those of container and volume.
    `variant` is whatever else must have the container made again when it changes.
    """

    name: str
    image: str
    command: Sequence[str]
    labels: Labels
    volume: str
    mount: str
    network: str
    files: Sequence[Entry] = ()
    user: str = NOBODY
    capabilities: Sequence[str] = ()
    memory_mb: int | None = None
    healthcheck: Healthcheck | None = None
    stop_signal: str = "TERM"
    stop_timeout_s: int = 30
    sysctls: Mapping[str, str] = field(default_factory=dict[str, str])
    variant: str = ""

    @property
    def spec(self) -> str:
        """A digest of what the container is made from; not of the image and the files.

        A newer version of this program brings newer ones, and that is no reason to stop a server.
        """
        content = [list(self.command), self.volume, self.mount, self.network, self.user]
        text = json.dumps([*content, list(self.capabilities), dict(self.sysctls), self.variant])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A container of ours as it is. `volume` is what is mounted where the data should be, "" for nothing."""

    running: bool
    exit_status: int
    spec: str
    volume: str
    networks: frozenset[str]
    memory_mb: int | None


def find(engine: Engine, owner: Labels, name: str, mount: str) -> Found | None:
    """The container of this name. Raises ProviderError (CONFLICT) when it is not ours."""
    found = containers.inspected(engine, name, owner)
    if found is None:
        return None
    state, host = found["State"], found["HostConfig"]
    mounted = {item["Destination"]: item.get("Name", "") for item in found["Mounts"]}
    return Found(
        running=bool(state["Running"]) and not state.get("Restarting"),
        exit_status=int(state["ExitCode"]),
        spec=found["Config"]["Labels"].get(labels.SPEC, ""),
        volume=mounted.get(mount, ""),
        networks=frozenset(found["NetworkSettings"]["Networks"] or {}),
        memory_mb=int(host.get("Memory") or 0) // 2**20 or None,
    )


def create(engine: Engine, wanted: ServerContainer) -> None:
    """Makes volume and container, and starts nothing. Raises ProviderError: CONFLICT when a name is taken."""
    containers.ensure_volume(engine, wanted.volume, wanted.labels)
    containers.create(engine, wanted.name, _config(wanted), wanted.labels.with_(spec=wanted.spec))


def furnish(engine: Engine, wanted: ServerContainer) -> None:
    """Gives a container its files, and its volume to the server's account. Before each start: it may be the first."""
    containers.put(engine, wanted.name, (Entry(path=wanted.mount, mode=0o700), *wanted.files))


def remove(engine: Engine, owner: Labels, name: str, *, stop_timeout_s: int) -> None:
    """Lets the server end, then removes its container; its volume stays. A no-op when it is gone."""
    if containers.inspected(engine, name, owner) is not None:
        containers.stop(engine, name, stop_timeout_s)
        containers.remove(engine, name, owner)


def path_exists(engine: Engine, name: str, path: str) -> bool:
    """Whether a container, running or not, has a file."""
    import docker.errors

    api: Any = engine.api
    with engine.told(f"look into the container {name}"):
        try:
            for _ in api.get_archive(name, path)[0]:
                pass
        except docker.errors.NotFound:
            return False
    return True


def set_memory(engine: Engine, name: str, memory_mb: int) -> None:
    """Changes a container's limit while it runs."""
    api: Any = engine.api
    with engine.told(f"set the memory of {name}"):
        limit = memory_mb * 2**20
        api.update_container(name, mem_limit=limit, memswap_limit=limit)


def _config(wanted: ServerContainer) -> dict[str, Any]:
    host: dict[str, Any] = {
        "NetworkMode": wanted.network,
        "Mounts": [{"Type": "volume", "Source": wanted.volume, "Target": wanted.mount, "ReadOnly": False}],
        "CapDrop": ["ALL"],
        "CapAdd": list(wanted.capabilities),
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "unless-stopped"},
        "LogConfig": dict(LOG_CONFIG),
        "Sysctls": dict(wanted.sysctls),
        "ShmSize": SHARED_MEMORY_BYTES,
    }
    if wanted.memory_mb is not None:
        # No swap beside it: a server that swaps is as good as down.
        host |= {"Memory": wanted.memory_mb * 2**20, "MemorySwap": wanted.memory_mb * 2**20}
    return {
        "Image": wanted.image,
        "Entrypoint": list(wanted.command),
        "Cmd": [],
        "User": wanted.user,
        "Env": ["LC_ALL=C.UTF-8", "TZ=UTC"],
        "StopSignal": f"SIG{wanted.stop_signal}",
        "StopTimeout": wanted.stop_timeout_s,
        "Healthcheck": _healthcheck(wanted.healthcheck),
        "HostConfig": host,
    }


def _healthcheck(check: Healthcheck | None) -> dict[str, Any]:
    if check is None:
        return {"Test": ["NONE"]}
    return {
        "Test": ["CMD", *check.command],
        "Interval": int(check.interval_s * 1e9),
        "Timeout": int(check.timeout_s * 1e9),
        "Retries": 1,
    }
