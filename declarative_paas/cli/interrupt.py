"""Ctrl-C around an apply: the first stops it in good order, the second abandons what runs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from declarative_paas.apply.executor import Interruption

FIRST: Final = "Stopping: running steps finish, nothing new starts. Interrupt again to stop now."
SECOND: Final = "Stopping now. What was running is found again by the next plan."


@contextmanager
def interruptible(interruption: Interruption, notify: Callable[[str], None]) -> Generator[None]:
    """SIGINT and SIGTERM set `stop`, then `abandon`, instead of ending the process."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        is_first = not interruption.stop.is_set()
        (interruption.stop if is_first else interruption.abandon).set()
        notify(FIRST if is_first else SECOND)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
