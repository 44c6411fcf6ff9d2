"""A small client of the Redis protocol (RESP2): what an administrator's few commands need, nothing more."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias

Reply: TypeAlias = "str | int | list[Reply] | None"


class ReplyError(Exception):
    """The server answered with an error: `NOPERM …`, `WRONGPASS …`."""


class RespConnection:
    """One command, one reply. Raises OSError when the server goes away, ReplyError for an error reply."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._stream = raw.makefile("rb")

    def command(self, *words: str | int) -> Reply:
        parts = [str(word).encode() for word in words]
        self._raw.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._reply()

    def _reply(self) -> Reply:
        line = self._stream.readline()
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
                return None if rest == "-1" else self._bulk(int(rest))
            case b"*":
                return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
            case _:
                raise ConnectionAbortedError("the server does not speak the Redis protocol")

    def _bulk(self, length: int) -> str:
        data = self._stream.read(length + 2)
        if len(data) != length + 2:
            raise ConnectionResetError("the server closed the connection")
        return data[:-2].decode("utf-8", "replace")


@contextmanager
def connect(port: int, username: str, password: str, *, timeout_s: float) -> Generator[RespConnection]:
    """An authenticated connection to a server on this machine. Raises OSError or ReplyError."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as raw:
        connection = RespConnection(raw)
        connection.command("AUTH", username, password)
        yield connection
