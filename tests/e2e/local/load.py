"""A load that never retries: keep-alive and fresh connections, POSTs, slow answers and a WebSocket."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What the clients saw. A failed request is told once, with the reason."""

    ok: int = 0
    failed: list[str] = field(default_factory=list)
    releases: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, release: str | None = None) -> None:
        with self.lock:
            self.ok += 1
            if release:
                self.releases.add(release)

    def fail(self, reason: str) -> None:
        with self.lock:
            self.failed.append(reason)


class Load:
    """Clients in threads, from `start` to `stop`."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._port = port
        self._address = address
        self._stop = threading.Event()
        self.outcome = Outcome()
        kinds: list[Callable[[], None]] = [self._keep_alive, self._keep_alive, self._fresh, self._posts, self._slow]
        self._threads = [threading.Thread(target=kind, daemon=True) for kind in [*kinds, self._websocket]]

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def wait_for(self, count: int, timeout_s: float = 90) -> None:
        until = time.monotonic() + timeout_s
        while self.outcome.ok < count and time.monotonic() < until:
            time.sleep(0.05)

    def stop(self) -> Outcome:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=40)
        return self.outcome

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, self._port, timeout=35)

    def _one(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> None:
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            self.outcome.fail(f"{method} {path}: {problem!r}")
            connection.close()
            return
        if answer.status != 200:
            self.outcome.fail(f"{method} {path}: status {answer.status}")
        elif body is not None and hashlib.sha256(body).hexdigest().encode() not in content:
            self.outcome.fail(f"{method} {path}: the body did not arrive whole")
        else:
            self.outcome.count(answer.headers.get("X-Version"))

    def _keep_alive(self) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            self._one(connection, "GET", "/")
            time.sleep(0.002)
        connection.close()

    def _fresh(self) -> None:
        while not self._stop.is_set():
            connection = self._connect()
            self._one(connection, "GET", "/fresh")
            connection.close()
            time.sleep(0.002)

    def _posts(self) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            self._one(connection, "POST", "/orders", os.urandom(3000))
            time.sleep(0.005)
        connection.close()

    def _slow(self) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            self._one(connection, "GET", "/slow?seconds=2")
        connection.close()

    def _websocket(self) -> None:
        """Each socket says a few things over two seconds, and must hear each back."""
        while not self._stop.is_set():
            try:
                self._talk()
            except OSError as problem:
                self.outcome.fail(f"websocket: {problem!r}")

    def _talk(self) -> None:
        with socket.create_connection((self._address, self._port), timeout=35) as connection:
            key = base64.b64encode(os.urandom(16)).decode()
            connection.sendall(
                f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
            )
            stream = connection.makefile("rb")
            status = stream.readline()
            if b" 101 " not in status:
                self.outcome.fail(f"websocket: {status!r}")
                return
            while stream.readline() not in (b"\r\n", b""):
                pass
            for number in range(4):
                text = f"message {number}".encode()
                mask = os.urandom(4)
                masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
                connection.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
                head = stream.read(2)
                if len(head) < 2 or stream.read(head[1] & 0x7F) != text:
                    self.outcome.fail("websocket: it did not echo")
                    return
                self.outcome.count()
                time.sleep(0.5)
            connection.sendall(b"\x88\x80" + os.urandom(4))
