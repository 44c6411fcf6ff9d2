"""How long a step may take, and which errors are worth another try: tables. See docs/engine.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from declarative_paas.core.plan import Step
from declarative_paas.core.provider import ErrorKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """`tries` in all; before the second one `wait_s` seconds pass, before each later one twice as many."""

    tries: int
    wait_s: float = 0.0

    def wait_before(self, attempt: int) -> float:
        """Seconds before the try of this number, from 2."""
        return self.wait_s * float(2 ** (attempt - 2))


_ONCE: Final = Retry(tries=1)

RETRIES: Final[Mapping[ErrorKind, Retry]] = MappingProxyType(
    {
        ErrorKind.TRANSIENT: Retry(tries=4, wait_s=0.5),
        # Somebody has to give way, to ask for something else, or to mend it: trying again changes nothing.
        ErrorKind.CONFLICT: _ONCE,
        ErrorKind.INVALID: _ONCE,
        ErrorKind.FAILED: _ONCE,
        # Every step of the region would wait for it: the next apply does.
        ErrorKind.UNAVAILABLE: _ONCE,
        ErrorKind.CANCELLED: _ONCE,
    }
)

DEADLINES_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "app": 600.0,
        "secret": 60.0,
        "addon": 1800.0,
        "attachment": 600.0,
        "config": 600.0,
        "slug": 1800.0,
        # Heroku ends a release phase after one hour.
        "release": 3900.0,
        "formation": 3600.0,
        "domain": 600.0,
        # As long as a large database takes.
        "data_copy": 14400.0,
        "move_copy": 14400.0,
        "follower": 14400.0,
        "move_check": 14400.0,
        "link": 600.0,
    }
)
"""Seconds, by resource type, over all tries: then a step is asked to give up."""

OTHER_DEADLINE_S: Final = 1800.0

GRACE_S: Final = 60.0
"""How long a step that was asked to give up may take for that: then nobody waits for it any more."""


def deadline_s(step: Step) -> float:
    return DEADLINES_S.get(step.address.type, OTHER_DEADLINE_S)
