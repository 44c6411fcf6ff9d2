"""Bytes that arrive in pieces, as lines of text."""

from __future__ import annotations

import re
from collections.abc import Callable

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST = 64 * 1024


class LineSplitter:
    """Calls `on_line` with each whole line, without its end. A line over 64 KiB is told in parts."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *whole, self._rest = _LINE_END.split(self._rest + data)
        for line in whole:
            self._on_line(line.decode("utf-8", "replace"))
        if len(self._rest) > _LONGEST:
            self.end()

    def end(self) -> None:
        """What is left without a line end is a line too."""
        if self._rest:
            line, self._rest = self._rest, b""
            self._on_line(line.decode("utf-8", "replace"))
