"""Joins our terminal to a dyno's: raw mode, window size, bytes both ways, and all restored at the end."""

from __future__ import annotations

import fcntl
import os
import signal
import termios
import tty
from contextlib import suppress

from declarative_paas.providers.runtime.loop import Loop

_CHUNK = 65536
_RETRY_S = 0.02


class JoinedTerminal:
    """A pseudo-terminal whose far side (`far`) becomes the dyno's stdin, stdout and stderr."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._near, self.far = os.openpty()
        self._saved = termios.tcgetattr(0)
        self._typed = b""
        self._resize()

    def join(self) -> None:
        """From now on what is typed goes to the dyno, Ctrl-C included, and what it prints to our stdout."""
        os.close(self.far)
        tty.setraw(0)
        os.set_blocking(self._near, False)
        self._loop.watch(0, self._typed_something)
        self._loop.watch(self._near, self._printed_something)
        self._loop.on_signal(signal.SIGWINCH, self._resize)

    def leave(self) -> None:
        """After the dyno's end: prints what is left, gives our terminal back as it was."""
        while self._printed_something():
            pass
        self._loop.unwatch(0)
        self._loop.unwatch(self._near)
        termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
        os.close(self._near)

    def _typed_something(self) -> None:
        typed = os.read(0, _CHUNK)
        if not typed:
            self._loop.unwatch(0)
            return
        self._typed += typed
        self._pass_on()

    def _pass_on(self) -> None:
        """A dyno that does not read must not stop us from showing what it prints: no write may block."""
        try:
            self._typed = self._typed[os.write(self._near, self._typed) :]
        except BlockingIOError:
            pass
        except OSError:
            self._typed = b""
        if self._typed:
            self._loop.after("terminal", _RETRY_S, self._pass_on)

    def _printed_something(self) -> bool:
        try:
            printed = os.read(self._near, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            # Linux's way to say that the far side has been closed.
            printed = b""
        if not printed:
            self._loop.unwatch(self._near)
            return False
        while printed:
            printed = printed[os.write(1, printed) :]
        return True

    def _resize(self) -> None:
        with suppress(OSError):
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
            fcntl.ioctl(self._near, termios.TIOCSWINSZ, size)
