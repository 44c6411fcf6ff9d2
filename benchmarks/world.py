"""The memory platform in a process of its own, so that every measured command is a fresh process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from declarative_paas.providers.memory.remote import RemoteWorld


@contextmanager
def memory_world(socket: Path) -> Iterator[RemoteWorld]:
    """Serves a world while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "declarative_paas.providers.memory.remote", str(socket)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield RemoteWorld(str(socket))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
