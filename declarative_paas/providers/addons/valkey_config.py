"""The configuration and access list of a Valkey server, made anew from here at every start."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ADMIN = "dpaas_admin"
APP = "default"  # the user of clients that send a password only
ADMIN_CONNECTIONS = 4  # beside the plan's own: a full server can still be inspected

# Valkey keeps 32 files for itself and starts with fewer clients, or refuses them, when there are too few.
RESERVED_FILES = 32 + ADMIN_CONNECTIONS
UNLIMITED_CONNECTIONS = 65_000  # a port's worth

# The server is the app's own, so what only touches its data and its clients stays allowed. What reads or
# writes the server's configuration and files, stops it, or makes it call other servers does not.
APP_RULES = "~* &* +@all -@admin -migrate +client +slowlog|get +slowlog|len +role +lastsave"

EVICTION_POLICIES = (
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)


def attainable_connections() -> int:
    """How many clients a server can have on this machine: each takes a file, and the hard limit is the account's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED_CONNECTIONS if hard == resource.RLIM_INFINITY else max(1, hard - RESERVED_FILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeySettings:
    """What a plan decides. Not `persistent` means: a clean stop keeps the data, a crash does not."""

    maxmemory_mb: int
    eviction: str = "noeviction"
    persistent: bool = False
    connection_limit: int | None = None

    def live(self) -> Mapping[str, str]:
        """The settings a running server takes with CONFIG SET, in the order they must be set."""
        settings = {"maxmemory": str(self.maxmemory_mb * 1024 * 1024), "maxmemory-policy": self.eviction}
        if self.connection_limit is not None:
            settings["maxclients"] = str(self.connection_limit + ADMIN_CONNECTIONS)
        return settings | {"appendonly": "yes" if self.persistent else "no"}


def password_hash(password: str) -> str:
    """As access lists store it. Of use for guessing only, and the passwords are 256 random bits."""
    return hashlib.sha256(password.encode()).hexdigest()


def acl_text(*, app_hash: str, admin_hash: str) -> str:
    return f"user {APP} on #{app_hash} {APP_RULES}\nuser {ADMIN} on #{admin_hash} ~* &* +@all\n"


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def valkey_conf(*, port: int, data: Path, acl: Path, settings: ValkeySettings, bind: str = "127.0.0.1") -> str:
    lines = [
        "# Written by dpaas at every start; changes here are lost.",
        f"bind {bind}",
        f"port {port}",
        "protected-mode yes",
        "daemonize no",
        "set-proc-title no",  # a process list shows whose server it is by its path
        f"dir {_quoted(data)}",
        f"aclfile {_quoted(acl)}",
        'logfile ""',  # the supervisor keeps the log
        'save ""',
        # Force: a save that fails (a full disk, a lost folder) would otherwise only delay the SIGKILL.
        "shutdown-on-sigterm save force",
        "appendfsync everysec",
        *(f"{name} {value}" for name, value in settings.live().items()),
    ]
    return "\n".join(lines) + "\n"
