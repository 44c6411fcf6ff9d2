"""A token bucket: how many calls a minute a platform takes. No clock, no sleeping: it only tells how long to wait."""

from __future__ import annotations

import threading


class TokenBucket:
    """Fills at `per_minute`, holds `burst`. Thread-safe.

    Calls are told to wait one behind the other, so that never more than `burst + per_minute * t / 60` begin
    in any t seconds.
    """

    def __init__(self, per_minute: int, *, burst: int) -> None:
        self._per_s = max(1, per_minute) / 60.0
        self._burst = float(max(1, burst))
        self._tokens = self._burst
        self._at: float | None = None
        self._lock = threading.Lock()

    def reserve(self, now: float) -> float:
        """Takes one call; the seconds until it may begin. `now` is monotonic."""
        with self._lock:
            if self._at is not None:
                self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._per_s)
            self._at = now if self._at is None else max(self._at, now)
            self._tokens -= 1.0
            return 0.0 if self._tokens >= 0 else -self._tokens / self._per_s
