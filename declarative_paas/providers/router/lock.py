"""A lock between threads and processes that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from declarative_paas.providers.router.errors import RouterBusyError

RETRY_S = 0.005


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Generator[None]:
    """Holds the lock file for the block. Raises RouterBusyError after `timeout_s`.

    flock, not lockf: it belongs to the open file, so it also excludes other threads of this process.
    The file stays: removing it would let two holders lock two files of one name.
    """
    deadline = time.monotonic() + timeout_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RouterBusyError(f"{path} was held by another process for {timeout_s:g} s") from None
                time.sleep(RETRY_S)
        yield
    finally:
        os.close(descriptor)
