"""The Redis protocol (RESP2) over any stream, byte for byte: what a copy of keys needs."""

from __future__ import annotations

import contextlib
import socket
from typing import TypeAlias

from declarative_paas.core.data import Dial, Stream
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive

READ_BYTES = 256 * 1024


class ServerError(Exception):
    """An error reply: `OOM …`, `NOPERM …`. Its text names no key and no value."""


Reply: TypeAlias = "bytes | int | list[Reply] | ServerError | None"
"""A simple string comes as bytes; an error as a value, since it may be one of many replies."""


def command(*words: bytes | str | int) -> bytes:
    """A command as it goes over the wire."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class RespStream:
    """Writes commands, reads replies; in one thread, or one each. Raises OSError when the server goes away."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._at = 0

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def ask(self, *words: bytes | str | int) -> Reply:
        """One command, one reply. Raises ServerError for an error reply."""
        self.write(command(*words))
        reply = self.reply()
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def reply(self) -> Reply:
        """The next reply, an error among them as a value."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"-":
                # The first word says what it is; the rest can quote the command.
                return ServerError(rest.decode("utf-8", "replace").split(" ", 1)[0])
            case b"$":
                return None if rest == b"-1" else self._take(int(rest) + 2)[:-2]
            case b"*":
                return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
            case _:
                raise ConnectionAbortedError("the server does not speak the Redis protocol")

    def _fill(self) -> None:
        chunk = self._stream.read(READ_BYTES)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += chunk

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            self._fill()
        found = bytes(self._buffer[self._at : end])
        self._at = end + 2
        return found

    def _take(self, count: int) -> bytes:
        while len(self._buffer) - self._at < count:
            self._fill()
        found = bytes(self._buffer[self._at : self._at + count])
        self._at += count
        return found

    def close(self) -> None:
        self._stream.close()


def log_in(dial: Dial, username: str, password: Sensitive) -> RespStream:
    """An authenticated connection. Raises ProviderError (UNAVAILABLE)."""
    connection = RespStream(dial())
    try:
        connection.ask("AUTH", username, password.reveal())
    except (OSError, ServerError) as problem:
        connection.close()
        raise ProviderError(
            ErrorKind.UNAVAILABLE, "the key-value server does not answer", detail=[str(problem)]
        ) from None
    return connection


class SocketStream:
    """A stream over a socket."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    def read(self, size: int) -> bytes:
        return self._raw.recv(size)

    def write(self, data: bytes) -> None:
        self._raw.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            # Wakes a thread that is blocked in it, which a close alone does not.
            self._raw.shutdown(socket.SHUT_RDWR)
        self._raw.close()


def local_dial(port: int) -> Dial:
    """Connects to a server on this machine."""

    def dial() -> Stream:
        try:
            raw = socket.create_connection(("127.0.0.1", port), timeout=15)
        except OSError as problem:
            summary = f"nothing answers on port {port}: {problem.strerror or problem}"
            raise ProviderError(ErrorKind.UNAVAILABLE, summary) from None
        raw.settimeout(None)
        return SocketStream(raw)

    return dial
