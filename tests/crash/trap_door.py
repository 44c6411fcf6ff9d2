"""A socket that leads to an engine's, and stops whoever came through it at the n-th thing that he wants changed."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHANGING = re.compile(rb"(?:POST|PUT|DELETE) /\S* HTTP/1\.1\r\n")
_HIJACKING = re.compile(rb"\r\nUpgrade: tcp\r\n")

BEFORE, AFTER = "before", "after"


@dataclass
class _Connection:
    """`is_hijacked`: from here on both ends send what they like, such as questions to a region's keeper."""

    client: socket.socket
    engine: socket.socket
    is_hijacked: bool = False
    is_trapped: bool = False
    ended: int = 0

    def close(self) -> None:
        for end in (self.client, self.engine):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class TrapDoor:
    """`changes` counts requests that change something, and questions within hijacked connections, since `arm`."""

    def __init__(self, target: str, path: Path) -> None:
        self.changes = 0
        self.reached = threading.Event()
        self._target = target
        self._at, self._side = 0, BEFORE
        self._lock = threading.Lock()
        self._open: list[_Connection] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def arm(self, at: int = 0, side: str = BEFORE) -> None:
        """At the `at`-th change, before the engine hears of it or when it has done it, `reached` is set, and whoever
        wanted it waits. 0: nobody is stopped."""
        for found in [found for found in self._open if found.is_trapped]:
            self._forget(found)
        with self._lock:
            self.changes = 0
            self._at, self._side = at, side
            self.reached.clear()

    def cut_off(self) -> None:
        """Whoever came through: as when the engine is gone."""
        for found in list(self._open):
            self._forget(found)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()
        self.cut_off()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                try:
                    engine.connect(self._target)
                except OSError:
                    # An engine that is down: as if nobody listened here.
                    client.close()
                    continue
                found = _Connection(client, engine)
                self._open.append(found)
                for way in (self._forth, self._back):
                    threading.Thread(target=way, args=(found,), daemon=True).start()

    def _forth(self, found: _Connection) -> None:
        with suppress(OSError):
            while data := found.client.recv(65_536):
                if self._is_trap(found, data):
                    found.is_trapped = True
                    if self._side == BEFORE:
                        self.reached.set()
                        return
                found.is_hijacked = found.is_hijacked or _HIJACKING.search(data) is not None
                found.engine.sendall(data)
        self._end(found, found.engine)

    def _back(self, found: _Connection) -> None:
        with suppress(OSError):
            while data := found.engine.recv(65_536):
                if found.is_trapped:
                    self.reached.set()
                    return
                found.client.sendall(data)
        if not found.is_trapped:
            self._end(found, found.client)

    def _end(self, found: _Connection, other: socket.socket) -> None:
        """One way has ended; with both the connection has."""
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)
        with self._lock:
            found.ended += 1
        if found.ended == 2:
            self._forget(found)

    def _forget(self, found: _Connection) -> None:
        with self._lock:
            self._open = [other for other in self._open if other is not found]
        found.close()

    def _is_trap(self, found: _Connection, data: bytes) -> bool:
        if not found.is_hijacked and _CHANGING.match(data) is None:
            return False
        with self._lock:
            self.changes += 1
            return self.changes == self._at
