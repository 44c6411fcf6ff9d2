"""git's own server on this machine, for what a workflow's jobs clone from and people push to."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

ATTEMPTS = 5
STARTS_WITHIN_S = 20.0


class GitServer:
    """Serves every repository below `root` at `url`, also to be pushed to, until `close`."""

    def __init__(self, root: Path) -> None:
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self._process = subprocess.Popen(
                [
                    *("git", "daemon", "--listen=127.0.0.1", f"--port={self.port}", "--reuseaddr"),
                    *(
                        "--export-all",
                        "--enable=receive-pack",
                        "--informative-errors",
                        f"--base-path={root}",
                        str(root),
                    ),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "HOME": str(root)},
                start_new_session=True,
            )
            if self._answers():
                return
            self.close()  # somebody else took the port first
        raise RuntimeError("git daemon does not start")

    @property
    def url(self) -> str:
        return f"git://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Ends it with what it has started: it serves each connection in a process of its own."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 15)
        self._process.wait()

    def _answers(self) -> bool:
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
