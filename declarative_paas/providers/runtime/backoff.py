"""When a crashed dyno starts again. Pure: opens nothing, asks no clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Heroku's way: at once after the first crash, then exponentially later, up to a ceiling.

    Heroku publishes no numbers, so all of them are parameters. Seconds throughout. A dyno that had
    been up for `reset_after_s` counts as healthy: its next crash is a first crash again.
    """

    first_s: float = 10.0
    factor: float = 2.0
    ceiling_s: float = 1200.0
    reset_after_s: float = 300.0

    def __post_init__(self) -> None:
        if self.first_s <= 0 or self.factor < 1 or self.ceiling_s < self.first_s or self.reset_after_s < 0:
            raise ValueError(f"not a back-off: {self}")

    def crashes_after(self, crashes: int, up_s: float | None) -> int:
        """The count of consecutive crashes, this one included; `up_s` is None when it never came up."""
        return 1 if up_s is not None and up_s >= self.reset_after_s else crashes + 1

    def delay_s(self, crashes: int) -> float:
        """How long to wait after the n-th consecutive crash; 0 after the first."""
        if crashes <= 1:
            return 0.0
        delay = self.first_s
        # A loop, not a power: factor ** 5000 overflows, and a dyno may crash that often.
        for _ in range(crashes - 2):
            if delay >= self.ceiling_s or self.factor == 1:
                break
            delay *= self.factor
        return min(delay, self.ceiling_s)
