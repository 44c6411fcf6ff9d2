"""A server process as a value, and the host that runs it: this room starts no long-running process itself."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from declarative_paas.core.provider import ErrorKind, ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """What a supervisor needs to run a server in the foreground.

    `user` None means the account of the supervisor. `stop_signal` is a name without SIG ("INT");
    `stop_wait_s` the seconds from it to a SIGKILL. Nothing in it is secret.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    user: str | None
    stop_signal: str
    stop_wait_s: int
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class ProcessHost(Protocol):
    """Runs server processes and restarts those that die."""

    def start(self, process: ServerProcess) -> None:
        """Starts it, replacing an older definition of the same name. Does not wait until it is ready."""
        ...

    def stop(self, name: str) -> None:
        """Stops it with its stop signal, waits for its end, and forgets it. A no-op for an unknown name."""
        ...

    def running(self) -> set[str]:
        """The names of the processes that run now."""
        ...

    def last_lines(self, name: str) -> Sequence[str]:
        """The end of what a process wrote; nothing for an unknown name."""
        ...


def require_free_port(port: int, server: str) -> None:
    """Raises ProviderError (CONFLICT) when another program has the port that a server's clients know it by."""
    with socket.socket() as probe:
        # As the servers do: connections of the one before that still fade away are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            summary = f"port {port} of {server} is taken by another program: {problem.strerror}"
            raise ProviderError(ErrorKind.CONFLICT, summary) from None
