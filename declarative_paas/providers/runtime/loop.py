"""One thread's event loop: descriptors, signals and timers, and asleep until one of them has something."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import cast


class Loop:
    """Handlers run one after another in the calling thread. Only for a process's main thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: dict[str, tuple[float, Callable[[], object]]] = {}
        self._handlers: dict[int, Callable[[], object]] = {}
        self._woken, waking = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        self.watch(self._woken, self._signals_arrived)

    def now(self) -> float:
        """Seconds on a clock that no one sets back."""
        return time.monotonic()

    def watch(self, descriptor: int, handler: Callable[[], object]) -> None:
        """Calls the handler whenever the descriptor is readable or at its end."""
        self._selector.register(descriptor, selectors.EVENT_READ, handler)

    def unwatch(self, descriptor: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(descriptor)

    def on_signal(self, number: signal.Signals, handler: Callable[[], object]) -> None:
        """Calls the handler, in the loop and not inside whatever runs, after the signal has come."""

        self._handlers[number] = handler
        self.note_signal(number)

    def note_signal(self, number: signal.Signals) -> None:
        """Keeps the signal, instead of its default action, for a handler that is named before the loop runs."""

        def noted(_number: int, _frame: FrameType | None) -> None:
            """The byte in the wake-up pipe tells the loop; a handler must exist for it to be written."""

        signal.signal(number, noted)

    def after(self, name: str, seconds: float, handler: Callable[[], object]) -> None:
        """Calls the handler once, `seconds` from now; replaces a timer of the same name."""
        self._timers[name] = (self.now() + seconds, handler)

    def cancel(self, *names: str) -> None:
        for name in names:
            self._timers.pop(name, None)

    def run_until(self, done: Callable[[], bool]) -> None:
        while not done():
            for key, _ in self._selector.select(self._sleep_s()):
                # A handler just before may have unwatched this one, and closed it.
                if self._selector.get_map().get(key.fd) is key:
                    cast("Callable[[], object]", key.data)()
            self._run_due_timers()

    def _sleep_s(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, min(when for when, _ in self._timers.values()) - self.now())

    def _run_due_timers(self) -> None:
        now = self.now()
        for name, (when, handler) in sorted(self._timers.items(), key=lambda item: item[1][0]):
            # A handler before may have cancelled or moved this one.
            if when <= now and self._timers.get(name) == (when, handler):
                del self._timers[name]
                handler()

    def _signals_arrived(self) -> None:
        with suppress(BlockingIOError):
            for number in dict.fromkeys(os.read(self._woken, 4096)):
                handler = self._handlers.get(number)
                if handler is not None:
                    handler()
