"""A command on a terminal of its own, typed into and read by a test."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path


class Terminal:
    """A process with a terminal of its own, 91 columns wide."""

    def __init__(self, argv: list[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        self.resize(24, 91)
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            close_fds=True,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
        os.close(slave)
        self.screen = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def tell_of_resize(self) -> None:
        """As a real terminal tells its foreground process."""
        self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, text: str) -> None:
        deadline = time.monotonic() + 30
        while text not in self.screen:
            assert time.monotonic() < deadline, f"no {text!r} on the screen:\n{self.screen}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.screen += os.read(self.master, 4096).decode()
                except OSError:
                    break
        assert text in self.screen, self.screen

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
