"""A command's three streams over one of the engine's connections: sent, received, its end of input told.

Reading and writing are done in one thread: a TLS connection is not to be used by two at once.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple

STDOUT, STDERR = 1, 2
CHUNK = 65_536
_HEADER = 8


class Frame(NamedTuple):
    """Output of a command: `stream` is STDOUT or STDERR. With a terminal all of it is STDOUT."""

    stream: int
    data: bytes


class StreamEnded(OSError):
    """The connection ended in the midst of a frame, or while we were sending."""


class EngineStream:
    """The hijacked connection of an exec or attach. Blocking, unless a time limit is given."""

    def __init__(self, response: Any, *, terminal: bool) -> None:
        # What comes right behind the headers may lie in the reader's buffer already: it must not be lost.
        reader = response.raw._fp.fp
        self._response = response
        self._socket: socket.socket = reader.raw._sock
        self._terminal = terminal
        self._rest = bytearray()
        self._frames = deque[Frame]()
        self._ended = False
        self._socket.setblocking(False)
        with suppress(ssl.SSLWantReadError, BlockingIOError):
            early = reader.peek()
            if early:
                self._take(bytes(reader.read1(len(early))))

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Sends all of it; output that arrives meanwhile is kept for `receive`. Raises StreamEnded.

        Keeping it is what prevents that the command waits for us to read while we wait for it to read.
        """
        view = memoryview(data)
        while view:
            self._wait(reading=not self._ended, writing=True, deadline=None)
            if not self._ended:
                self._read_what_is_there()
            try:
                view = view[self._socket.send(view[:CHUNK]) :]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                continue
            except OSError as problem:
                raise StreamEnded(f"the command no longer reads: {problem.strerror or problem}") from None

    def half_close(self) -> None:
        """Tells the command that its input ends; its output goes on."""
        with suppress(OSError):
            # The plain socket's: that of a TLS socket would give up TLS in both directions.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def receive(self, timeout_s: float | None = None) -> Frame | None:
        """The next piece of output; None at its end. Raises TimeoutError after `timeout_s`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._frames:
            if self._ended:
                return None
            self._wait(reading=True, writing=False, deadline=deadline)
            self._read_what_is_there()
        return self._frames.popleft()

    @property
    def pending(self) -> bool:
        """Whether `receive` has something at once, without looking at the connection."""
        return bool(self._frames) or self._ended or bool(getattr(self._socket, "pending", int)())

    def close(self) -> None:
        with suppress(OSError):
            self._response.close()
        with suppress(OSError):
            self._socket.close()

    def __enter__(self) -> EngineStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self, *, reading: bool, writing: bool, deadline: float | None) -> None:
        if reading and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return
        poll = select.poll()
        poll.register(self._socket, (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0))
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not poll.poll(left):
            raise TimeoutError("the command did not answer in time")

    def _read_what_is_there(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return
        except (ssl.SSLError, ConnectionError):
            # An engine may end a half-closed TLS connection without TLS's own farewell; see `half_close`.
            data = b""
        if data:
            self._take(data)
            return
        self._ended = True
        if self._rest:
            raise StreamEnded("the engine closed the connection in the midst of the output")

    def _take(self, data: bytes) -> None:
        """Without a terminal the engine frames output: one byte stream number, 3 zero, 4 length, then the data."""
        if self._terminal:
            self._frames.append(Frame(STDOUT, data))
            return
        self._rest += data
        while len(self._rest) >= _HEADER:
            size = int.from_bytes(self._rest[4:_HEADER], "big")
            if len(self._rest) < _HEADER + size:
                return
            self._frames.append(Frame(self._rest[0], bytes(self._rest[_HEADER : _HEADER + size])))
            del self._rest[: _HEADER + size]
