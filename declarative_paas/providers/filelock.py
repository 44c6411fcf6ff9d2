"""A lock between processes, and between threads, that ends with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

RETRY_S = 0.005


@contextmanager
def held(path: Path, *, timeout_s: float | None = None) -> Generator[None]:
    """Holds the lock file's lock, waiting for whoever holds it now. Raises TimeoutError after `timeout_s`.

    flock, not lockf: it belongs to the open file, so it also excludes other threads of this process.
    The file stays: removing it would let two holders lock two files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if timeout_s is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _lock_in_time(descriptor, path, timeout_s)
        yield
    finally:
        os.close(descriptor)


def _lock_in_time(descriptor: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} was held by another process for {timeout_s:g} s") from None
            time.sleep(RETRY_S)
