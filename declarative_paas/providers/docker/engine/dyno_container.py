"""A dyno as a container: its size as limits, no privileges, a network of its own, a file system that is thrown away.

The engine restarts a dyno that ends, with a back-off that doubles from 0.1 s to a minute and is forgotten after ten
seconds of running. Each start has a fresh copy of the slug.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG, NOBODY, last_lines, spec_digest
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.runtime import wording

__all__ = [
    "PORT",
    "Dyno",
    "DynoState",
    "command_of",
    "create_dyno",
    "dyno_config",
    "dyno_state",
    "last_lines",
    "memory_used_mb",
    "remove_dyno",
    "start_dyno",
    "state_of",
    "stop_dyno",
]

PORT: Final = 61_000
"""$PORT of every web dyno. Each has a network of its own, so one number does for all; and it lies above the ports
that outgoing connections take (32768 to 60999), so that none of the dyno's own is there first."""

ROLE: Final = "dyno"
ONE_OFF_ROLE: Final = "oneoff"
SLUG: Final = "/slug"
APP: Final = "/app"
CPU_PERIOD_US: Final = 100_000
SHARES_OF_ONE: Final = 1024
MOST_SHARES: Final = 262_144
OPEN_FILES: Final = 10_000
"""As on Heroku."""

START_FROM_SLUG: Final = (
    f"rm -rf {APP}/* {APP}/.[!.]* {APP}/..?* /tmp/* /tmp/.[!.]* 2>/dev/null; "
    f'cp -a {SLUG}/. {APP}/ && cd {APP} && exec /bin/sh -c "$1"'
)
"""Also after a crash: what an earlier start left there is gone."""

START_FROM_IMAGE: Final = 'exec /bin/sh -c "$1"'

_NAME: Final = "dyno"
"""What the shell calls itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dyno:
    """A dyno to be. `command` is a shell text, or "": then `argv` is run as it is. `network` None is none at all.

    `memory_mb` is the quota (R14), `memory_kill_mb` the limit where the kernel kills (R15). `cpu_share` counts in
    shares of a standard-1x: the weight under contention, and for a size that is not `dedicated` also the most whole
    CPUs it gets. `from_slug`: the image holds a slug in /slug; else it is a user's own, and its root file system is
    writable as its maker expects. `address`, on its network, is kept over restarts; None leaves it to the engine.
    `environment` is visible to whoever may inspect containers on the engine.
    """

    name: str
    image: str
    command: str
    labels: Labels
    environment: Mapping[str, str] = field(repr=False)
    network: str | None
    memory_mb: int
    memory_kill_mb: int
    cpu_share: float
    pids: int
    dedicated: bool = False
    address: str | None = None
    port: int | None = None
    stop_timeout_s: int = 30
    from_slug: bool = True
    restarts: bool = True
    user: str = NOBODY
    argv: tuple[str, ...] = ()
    terminal: bool = False
    stdin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoState:
    """A dyno's container as the engine has it. `exit_status` is of its last end; `restarts` of this container."""

    running: bool
    restarting: bool
    exit_status: int
    oom_killed: bool
    restarts: int
    started_at: str
    finished_at: str
    error: str
    addresses: Mapping[str, str]

    @property
    def told(self) -> str:
        """Why it does not run, in Heroku's words; "" while it runs."""
        if self.running and not self.restarting:
            return ""
        if self.oom_killed:
            return wording.R15
        if self.error:
            return self.error
        return wording.exited(self.exit_status)

    @property
    def code(self) -> str | None:
        """Heroku's code for it, where there is one."""
        return "R15" if self.oom_killed else None


def create_dyno(engine: Engine, dyno: Dyno) -> str:
    """Makes the container; starts nothing. The same dyno made again is the same container.

    Raises ProviderError: CONFLICT when the name is somebody else's, or another dyno's of ours.
    """
    config = dyno_config(dyno)
    return containers.create(engine, dyno.name, config, dyno.labels.with_(spec=spec_digest(config)))


def start_dyno(engine: Engine, name: str) -> None:
    containers.start(engine, name)


def stop_dyno(engine: Engine, name: str, timeout_s: int) -> bool:
    """SIGTERM to every process, `timeout_s`, SIGKILL. True when it had to be killed: R12."""
    return containers.stop(engine, name, timeout_s)


def remove_dyno(engine: Engine, owner: Labels, name: str) -> bool:
    """The container and its file system; whether there was one. Its network is the caller's."""
    return containers.remove(engine, name, owner)


def dyno_state(engine: Engine, name: str) -> DynoState | None:
    """None when there is no container of that name. Raises ProviderError."""
    import docker.errors

    with engine.told(f"look at {name}"):
        try:
            found: Any = engine.api.inspect_container(name)
        except docker.errors.NotFound:
            return None
    return state_of(found)


def state_of(found: Mapping[str, Any]) -> DynoState:
    """From the engine's description of a container. Pure."""
    state = found["State"]
    networks: Mapping[str, Any] = found["NetworkSettings"].get("Networks") or {}
    return DynoState(
        running=bool(state["Running"]),
        restarting=bool(state.get("Restarting")),
        exit_status=int(state["ExitCode"]),
        oom_killed=bool(state["OOMKilled"]),
        restarts=int(found.get("RestartCount") or 0),
        started_at=state["StartedAt"],
        finished_at=state["FinishedAt"],
        error=state.get("Error") or "",
        addresses={name: network.get("IPAddress", "") for name, network in networks.items()},
    )


def memory_used_mb(engine: Engine, name: str) -> float | None:
    """Memory in use in MiB, without the cache that the kernel would give back; None when the dyno does not run.

    Over the quota it is R14. One call, answered at once.
    """
    import docker.errors

    api = engine.api
    with engine.told(f"read the memory of {name}"):
        try:
            statistics = api.stats(name, stream=False, one_shot=True)
        except docker.errors.NotFound:
            return None
    return memory_of(statistics)


def memory_of(statistics: Mapping[str, Any]) -> float | None:
    """From the engine's statistics of a container, with either version of control groups. Pure."""
    memory: Mapping[str, Any] = statistics.get("memory_stats") or {}
    usage: int | None = memory.get("usage")
    if usage is None:
        return None
    details: Mapping[str, int] = memory.get("stats") or {}
    reclaimable = details.get("total_inactive_file", details.get("inactive_file", 0))
    return float(max(0, usage - reclaimable)) / 2**20


def dyno_config(dyno: Dyno) -> dict[str, Any]:
    """The container as the engine's API wants it. Pure."""
    variables = dict(dyno.environment)
    # SIGTERM goes to every process, as on Heroku: the init that the engine adds is tini.
    variables["TINI_KILL_PROCESS_GROUP"] = "1"
    if dyno.port is not None:
        variables["PORT"] = str(dyno.port)
    if dyno.from_slug:
        variables["HOME"] = APP
    config: dict[str, Any] = {
        "Image": dyno.image,
        "Entrypoint": [],
        "Cmd": _words(dyno),
        "User": dyno.user,
        "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
        "StopTimeout": dyno.stop_timeout_s,
        "Healthcheck": {"Test": ["NONE"]},
        "Tty": dyno.terminal,
        "OpenStdin": dyno.stdin,
        "StdinOnce": dyno.stdin,
        "AttachStdin": dyno.stdin,
        "AttachStdout": dyno.stdin,
        "AttachStderr": dyno.stdin,
        "HostConfig": _host_config(dyno),
    }
    if dyno.from_slug:
        # Anonymous volumes: they go with the container.
        config |= {"WorkingDir": APP, "Volumes": {APP: {}, "/tmp": {}}}
    if dyno.network is not None:
        endpoint = {} if dyno.address is None else {"IPAMConfig": {"IPv4Address": dyno.address}}
        config["NetworkingConfig"] = {"EndpointsConfig": {dyno.network: endpoint}}
    return config


def _words(dyno: Dyno) -> list[str]:
    if not dyno.command:
        return list(dyno.argv)
    return ["/bin/sh", "-c", START_FROM_SLUG if dyno.from_slug else START_FROM_IMAGE, _NAME, dyno.command]


def command_of(found: Mapping[str, Any]) -> str:
    """What a dyno runs, from the description of its container. Pure."""
    words: list[str] = found["Config"].get("Cmd") or [""]
    in_shell = len(words) == 5 and words[3] == _NAME
    return words[-1] if in_shell else shlex.join(words)


def _host_config(dyno: Dyno) -> dict[str, Any]:
    config: dict[str, Any] = {
        "NetworkMode": dyno.network or "none",
        "Memory": dyno.memory_kill_mb * 2**20,
        # No swap: it would only put R15 off, slowly.
        "MemorySwap": dyno.memory_kill_mb * 2**20,
        "MemoryReservation": dyno.memory_mb * 2**20,
        "CpuShares": max(2, min(MOST_SHARES, int(SHARES_OF_ONE * dyno.cpu_share))),
        "PidsLimit": dyno.pids,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": dyno.from_slug,
        "Init": True,
        "Ulimits": [{"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES}],
        "RestartPolicy": {"Name": "unless-stopped" if dyno.restarts else "no"},
        # What is typed and read on a person's own streams is in no log.
        "LogConfig": {"Type": "none"} if dyno.stdin else LOG_CONFIG,
    }
    if not dyno.dedicated:
        config |= {"CpuPeriod": CPU_PERIOD_US, "CpuQuota": int(CPU_PERIOD_US * dyno.cpu_share)}
    return config
