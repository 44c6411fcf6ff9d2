"""Whether dynos have bound $PORT: asked by the router's container, which alone reaches them, in one command for all.

A command costs an engine a tenth of a second, so many dynos that start side by side are not asked one by one. What a
dyno binds on its loopback only is not reached, as it is not by requests.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY
from declarative_paas.providers.docker.engine.execute import Command, streamed
from declarative_paas.providers.docker.engine.stream import STDOUT

SEND_S: Final = 0.02
"""So long a door that is to be knocked at may wait until it is told."""

LINGER_S: Final = 3.0
"""The command ends so long after the last question."""

_KNOCK: Final = """
import os, socket, sys, threading, time
def knock(line):
    address, port = line.split()
    while True:
        try:
            socket.create_connection((address, int(port)), 2).close()
            break
        except OSError:
            time.sleep(0.02)
    os.write(1, line.encode())
for line in sys.stdin:
    threading.Thread(target=knock, args=(line,), daemon=True).start()
"""
"""It ends with its input, whoever has not opened by then."""


class Doors:
    """Usable from several threads. One thread of its own does the asking, while somebody wants to know."""

    def __init__(self, engine: Engine, router: str) -> None:
        self._engine = engine
        self._router = router
        self._lock = threading.Lock()
        self._doors: dict[str, Future[None]] = {}
        self._untold: list[str] = []
        self._asking = False
        self._wanted_at = 0.0

    def wait_open(self, address: str, port: int, *, timeout_s: float) -> bool:
        """Whether it is, or gets so in time. Raises ProviderError when it cannot be asked."""
        door = f"{address} {port}"
        with self._lock:
            self._wanted_at = time.monotonic()
            opened = self._doors.get(door)
            if opened is None:
                opened = self._doors[door] = Future()
                self._untold.append(door)
            if not self._asking:
                self._asking = True
                threading.Thread(target=self._ask, name="doors", daemon=True).start()
        try:
            opened.result(timeout_s)
        except TimeoutError:
            return False
        with self._lock:
            # The next dyno at this address is another one.
            self._doors.pop(door, None)
        return True

    def _ask(self) -> None:
        try:
            with streamed(self._engine, self._router, ["python3", "-I", "-c", _KNOCK], user=NOBODY) as command:
                self._talk(command)
        except ProviderError as problem:
            with self._lock:
                self._asking = False
                left, self._doors, self._untold = self._doors, {}, []
            for opened in left.values():
                if not opened.done():
                    opened.set_exception(problem)

    def _talk(self, command: Command) -> None:
        said = bytearray()
        while True:
            with self._lock:
                untold, self._untold = self._untold, []
                if not untold and time.monotonic() - self._wanted_at > LINGER_S:
                    self._asking = False
                    self._doors.clear()
                    return
            for door in untold:
                command.send(f"{door}\n".encode())
            try:
                frame = command.receive(SEND_S)
            except TimeoutError:
                continue
            if frame is None:
                summary = f"the router {self._router} ended while dynos were waited for"
                raise ProviderError(ErrorKind.UNAVAILABLE, summary)
            if frame.stream == STDOUT:
                said += frame.data
            *lines, rest = said.split(b"\n")
            said = rest
            with self._lock:
                for line in lines:
                    self._doors[line.decode()].set_result(None)
