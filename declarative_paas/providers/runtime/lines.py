"""A dyno's output, cut into log lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

LINE_LIMIT_BYTES = 10_000
"""Logplex splits longer lines (Dev Center, "Logging": 10,000 bytes)."""


class LineSplitter:
    """Bytes in, whole lines out; a line longer than `limit` bytes comes out in pieces.

    Nothing is lost: the pieces joined are the line, `\\r\\n` counts as a line end, and invalid UTF-8
    is replaced. A piece is cut before a character, never inside one.
    """

    __slots__ = ("_limit", "_pending")

    def __init__(self, limit: int = LINE_LIMIT_BYTES) -> None:
        if limit < 4:
            raise ValueError("a line limit must hold the longest UTF-8 character")
        self._limit = limit
        self._pending = b""

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that this chunk completed."""
        *whole, self._pending = (self._pending + chunk).split(b"\n")
        lines = [piece for line in whole for piece in self._pieces(line.removesuffix(b"\r"))]
        # Keep the tail short as well: a program that never ends its line must not fill our memory. One
        # more byte is kept than fits, because a "\r" at the limit may yet turn out to be a line end.
        while len(self._pending) > self._limit + 1:
            cut = self._cut(self._pending)
            lines.append(_text(self._pending[:cut]))
            self._pending = self._pending[cut:]
        return lines

    def flush(self) -> list[str]:
        """What is left when the output ends without a line end."""
        rest, self._pending = self._pending, b""
        return list(self._pieces(rest.removesuffix(b"\r"))) if rest else []

    def _pieces(self, line: bytes) -> Iterator[str]:
        while len(line) > self._limit:
            cut = self._cut(line)
            yield _text(line[:cut])
            line = line[cut:]
        yield _text(line)

    def _cut(self, line: bytes) -> int:
        """Where to cut a line that is too long: at the limit, or up to 3 bytes before, at a character."""
        for cut in range(self._limit, self._limit - 4, -1):
            if line[cut] & 0xC0 != 0x80:
                return cut
        return self._limit


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
