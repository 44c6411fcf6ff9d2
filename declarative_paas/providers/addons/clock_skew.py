"""Two servers whose clocks differ, as a copy between them sees it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from declarative_paas.core.data import DataFacts
from declarative_paas.core.diagnostic import Diagnostic, error, warning

TOLD_FROM_S: Final = 5.0
"""Asking takes a moment on each side; and clocks that are kept in time are never so far apart."""


def skew_s(source: DataFacts, target: DataFacts) -> float:
    """How far the target's clock is ahead of the source's; both were compared with that of the command."""
    return float(target.traits.get("clock_ahead_s", 0.0)) - float(source.traits.get("clock_ahead_s", 0.0))


def clock_objections(
    source: DataFacts, target: DataFacts, consequence: str, *, at_most_s: float | None = None
) -> Iterator[Diagnostic]:
    """A warning with what comes of it; an error beyond `at_most_s`."""
    skew = skew_s(source, target)
    if abs(skew) < TOLD_FROM_S:
        return
    way = "ahead of" if skew > 0 else "behind"
    summary = f"the target's clock is {abs(skew):.0f} s {way} the source's: {consequence}"
    tell = error if at_most_s is not None and abs(skew) > at_most_s else warning
    yield tell("clock-skew", summary, expected="clocks that are kept in time on both machines (NTP)")
