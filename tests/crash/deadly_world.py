"""A memory world in a process of its own that kills, or stops, whoever changes it, before or after the n-th change.

`python deadly_world.py SOCKET` serves until SIGKILL. Beside the methods of every world it has `arm`, `birth_counts`,
`save` and `load`. The client is found by the socket's peer credentials, so that product code knows nothing of it.
"""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from declarative_paas.providers.memory import remote
from declarative_paas.providers.memory.world import MemoryWorld

BEFORE, AFTER = "before", "after"


class ClientKilled(Exception):
    """Nobody is left to be answered."""


class DeadlyWorld(MemoryWorld):
    """`births` counts how often each address came into being: made twice is told even where one was removed again."""

    def __init__(self) -> None:
        super().__init__()
        self.client = threading.local()
        self._gate = threading.Lock()
        self._births: Counter[str] = Counter()
        self._saved: dict[str, Any] = {}
        self._kill_at = 0
        self._side = BEFORE
        self._calls = 0
        self._signal = int(signal.SIGKILL)

    def arm(self, at: int, side: str, signal_number: int = signal.SIGKILL) -> None:
        """The client of the `at`-th call from now on that changes something gets the signal; 0 disarms."""
        with self._gate:
            self._kill_at, self._side, self._calls, self._signal = at, side, 0, signal_number

    def birth_counts(self) -> dict[str, int]:
        with self._gate:
            return dict(self._births)

    def save(self, name: str) -> None:
        with self._gate:
            self._saved[name] = copy.deepcopy(self._things)

    def load(self, name: str) -> None:
        """As it was when saved, and empty for a name that never was; births are counted anew."""
        with self._gate:
            self._things = copy.deepcopy(self._saved.get(name, {}))
            self._births.clear()
            self._kill_at = 0

    def put(self, scope: str, address: str, instance: str, key: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            is_new = (scope, address, instance) not in self._things
            outputs = super().put(scope, address, instance, key, attributes)
            if is_new:
                self._births[f"{scope} {address}"] += 1
            self._kill(AFTER)
            return outputs

    def rename(self, scope: str, address: str, instance: str, new: str) -> None:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            super().rename(scope, address, instance, new)
            self._kill(AFTER)

    def remove(self, scope: str, address: str, instance: str) -> None:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            super().remove(scope, address, instance)
            self._kill(AFTER)

    def write_row(self, scope: str, address: str, name: str, text: str) -> None:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            super().write_row(scope, address, name, text)
            self._kill(AFTER)

    def mark_copy(self, scope: str, address: str, mark: Mapping[str, Any] | None) -> None:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            super().mark_copy(scope, address, mark)
            self._kill(AFTER)

    def empty(self, scope: str, address: str) -> None:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            super().empty(scope, address)
            self._kill(AFTER)

    def rescope(self, things: Sequence[tuple[str, str, str]], scope: str) -> None:
        with self._gate:
            self._calls += 1
            self._kill(BEFORE)
            super().rescope(things, scope)
            self._kill(AFTER)

    def _kill(self, side: str) -> None:
        if self._calls == self._kill_at and side == self._side:
            os.kill(self.client.pid, self._signal)
            if self._signal == signal.SIGKILL:
                raise ClientKilled


class _Handler(remote._Handler):
    world: DeadlyWorld

    def handle(self) -> None:
        credentials = self.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.world.client.pid = struct.unpack("3i", credentials)[0]
        with contextlib.suppress(ClientKilled, OSError):  # OSError: a killed client does not wait for its answer
            super().handle()


def serve(path: str) -> None:
    remote._METHODS |= {"arm", "birth_counts", "save", "load"}
    handler = type("Handler", (_Handler,), {"world": DeadlyWorld()})
    with remote._Server(path, handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
