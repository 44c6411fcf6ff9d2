"""When a dyno's memory is reported (R14) and when it is killed (R15). Pure: the caller brings the time."""

from __future__ import annotations

from dataclasses import dataclass

from declarative_paas.providers.runtime import wording

REPORT_INTERVAL_S = 20.0
"""Heroku repeats an R14 about as often as it samples a dyno's metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`lines` to log now; `error` R14, R15 or None; `kill` when the dyno must be killed at once."""

    error: str | None = None
    lines: tuple[str, ...] = ()
    kill: bool = False


class QuotaWatch:
    """Judges one dyno's memory, sample after sample. Megabytes are MiB, as in Heroku's logs."""

    __slots__ = ("_interval_s", "_kill_mb", "_quota_mb", "_reported_at")

    def __init__(self, *, quota_mb: int, kill_mb: int, interval_s: float = REPORT_INTERVAL_S) -> None:
        if not 0 < quota_mb <= kill_mb:
            raise ValueError("the R15 limit must not be under the memory quota")
        self._quota_mb = quota_mb
        self._kill_mb = kill_mb
        self._interval_s = interval_s
        self._reported_at: float | None = None

    def observe(self, used_mb: float, now: float) -> Verdict:
        """The verdict on one sample; `now` is any steady clock's, in seconds."""
        running = wording.memory_running(used_mb, self._quota_mb)
        if used_mb > self._kill_mb:
            return Verdict(error="R15", lines=(running, wording.R15), kill=True)
        if used_mb <= self._quota_mb:
            return Verdict()
        if self._reported_at is not None and now - self._reported_at < self._interval_s:
            return Verdict(error="R14")
        self._reported_at = now
        return Verdict(error="R14", lines=(running, wording.R14))
