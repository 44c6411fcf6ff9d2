"""A small client of the Redis protocol (RESP2): what an administrator's few commands need, nothing more."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

Reply: TypeAlias = "str | int | list[Reply] | None"


class ReplyError(Exception):
    """The server answered with an error: `NOPERM …`, `WRONGPASS …`."""


class Readable(Protocol):
    """As much of a binary file as replies are read from."""

    def readline(self) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


def command_bytes(*words: str | int) -> bytes:
    """A command as it is sent."""
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def read_reply(stream: Readable) -> Reply:
    """The next reply. Raises OSError when the stream ends or speaks otherwise, ReplyError for an error reply."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionResetError("the server closed the connection")
    kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
    match kind:
        case b"+":
            return rest
        case b":":
            return int(rest)
        case b"-":
            raise ReplyError(rest)
        case b"$":
            return None if rest == "-1" else _read_bulk(stream, int(rest))
        case b"*":
            return None if rest == "-1" else [read_reply(stream) for _ in range(int(rest))]
        case _:
            raise ConnectionAbortedError("the server does not speak the Redis protocol")


def _read_bulk(stream: Readable, length: int) -> str:
    data = stream.read(length + 2)
    if len(data) != length + 2:
        raise ConnectionResetError("the server closed the connection")
    return data[:-2].decode("utf-8", "replace")


class RespConnection:
    """One command, one reply. Raises OSError when the server goes away, ReplyError for an error reply."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._stream = raw.makefile("rb")

    def command(self, *words: str | int) -> Reply:
        self._raw.sendall(command_bytes(*words))
        return read_reply(self._stream)


@contextmanager
def connect(port: int, username: str, password: str, *, timeout_s: float) -> Generator[RespConnection]:
    """An authenticated connection to a server on this machine. Raises OSError or ReplyError."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as raw:
        connection = RespConnection(raw)
        connection.command("AUTH", username, password)
        yield connection
