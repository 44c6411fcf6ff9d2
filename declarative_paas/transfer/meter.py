"""How far a copy is: bytes, rows, rate and time left."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyProgress:
    """A copy on its way. `phase` is schema, data, indexes, verification or done.

    `rows` count when their part is whole. `bytes_a_second` is the mean since the data began; `seconds_left` is of
    the data only, None while nothing can be said.
    """

    phase: str
    bytes: int = 0
    rows: int = 0
    parts_done: int = 0
    parts: int = 0
    bytes_a_second: float = 0.0
    seconds_left: float | None = None

    def __str__(self) -> str:
        if self.phase != "data":
            return f"copy: {self.phase}"
        left = "" if self.seconds_left is None else f", about {self.seconds_left:.0f} s left"
        return (
            f"copied {self.bytes / 1e6:.1f} MB, {self.rows:,} rows, {self.parts_done} of {self.parts} parts, "
            f"{self.bytes_a_second / 1e6:.1f} MB/s{left}"
        )


class Meter:
    """Counts from any thread. Time is given, in seconds that never go back."""

    def __init__(self, *, total_weight: int, parts: int) -> None:
        self._lock = threading.Lock()
        self._total = max(1, total_weight)
        self._parts = parts
        self._done_weight = 0
        self._done_parts = 0
        self._open: dict[int, tuple[int, int]] = {}
        self.bytes = 0
        self.rows = 0

    def moved(self, part: int, weight: int, count: int) -> None:
        """`count` more bytes of the part number `part` went through."""
        with self._lock:
            self.bytes += count
            _, before = self._open.get(part, (weight, 0))
            self._open[part] = (weight, before + count)

    def finished(self, part: int, weight: int, rows: int) -> None:
        """A part is whole."""
        with self._lock:
            self._open.pop(part, None)
            self._done_weight += weight
            self._done_parts += 1
            self.rows += rows

    def progress(self, elapsed_s: float) -> CopyProgress:
        """`elapsed_s` since the data began. A part is taken to be as long as its weight tells."""
        with self._lock:
            weight = self._done_weight + sum(min(size, done) for size, done in self._open.values())
            moved, rows, done = self.bytes, self.rows, self._done_parts
        left = None
        if weight and elapsed_s > 0:
            left = max(0.0, elapsed_s * (self._total - weight) / weight)
        return CopyProgress(
            phase="data",
            bytes=moved,
            rows=rows,
            parts_done=done,
            parts=self._parts,
            bytes_a_second=moved / elapsed_s if elapsed_s > 0 else 0.0,
            seconds_left=left,
        )
