"""Runs inside the keeper's container: notes which containers of the engine use more memory than they reserved.

Its argument is the directory for its notes; it goes on until it is ended. It reads the kernel's own account of each
container, which the engine's statistics are too, and needs no way to the engine for that. Only who asks knows which of
them are its dynos.
Uses the standard library alone, of any Python from 3.8 on.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator, NamedTuple  # noqa: UP035  Python 3.8

GROUPS = Path("/host/cgroup")
"""Where the host's control groups are, read-only."""

SAMPLE_S = 2.0
REPORT_S = 20.0
"""As often as Heroku repeats an R14."""

KEPT_BYTES = 1024 * 1024
KEPT_S = 7 * 24 * 3600.0
UNLIMITED = 2**60
MEBIBYTE = 2**20

_CONTAINER = re.compile(r"^(?:docker-)?([0-9a-f]{64})(?:\.scope)?$")


class Account(NamedTuple):
    """The names of one version's files."""

    below: str
    quota: str
    used: str
    reclaimable: str


VERSION_1 = Account("memory", "memory.soft_limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
VERSION_2 = Account("", "memory.low", "memory.current", "inactive_file ")


class Over(NamedTuple):
    """A container that uses more than it reserved, in MiB."""

    container: str
    used: int
    quota: int


def containers(root: Path) -> Iterator[tuple[str, Path]]:
    """(id, directory) of each, wherever the engine keeps them."""
    for directory, below, _ in os.walk(str(root)):
        for name in list(below):
            found = _CONTAINER.match(name)
            if found is not None:
                below.remove(name)
                yield found.group(1), Path(directory) / name


def over(root: Path, account: Account) -> Iterator[Over]:
    """Those above their reservation now. One that ends meanwhile is none."""
    for container, directory in containers(root / account.below):
        with suppress(OSError, ValueError):
            quota = _number(directory / account.quota)
            if not 0 < quota < UNLIMITED or _number(directory / account.used) <= quota:
                continue
            used = _number(directory / account.used) - _cache(directory / "memory.stat", account.reclaimable)
            if used > quota:
                yield Over(container, used // MEBIBYTE, quota // MEBIBYTE)


def _number(path: Path) -> int:
    text = path.read_text().strip()
    return UNLIMITED if text == "max" else int(text)


def _cache(path: Path, name: str) -> int:
    """What the kernel would give back."""
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line[len(name) :])
    return 0


class Notes:
    """A file of lines `TIME CONTAINER USED QUOTA`, and the one before it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "memory"
        self._noted: dict[str, float] = {}

    def take(self, found: Over, now: float) -> None:
        """Once in `REPORT_S` a container; `now` is any steady clock's, in seconds."""
        if now - self._noted.get(found.container, -REPORT_S) < REPORT_S:
            return
        self._noted[found.container] = now
        stamp = datetime.now(timezone.utc).isoformat(timespec="microseconds")  # noqa: UP017  Python 3.8
        with self._path.open("a") as file:
            file.write(f"{stamp} {found.container} {found.used} {found.quota}\n")
            size = file.tell()
        if size > KEPT_BYTES:
            self._path.replace(self._path.with_suffix(".1"))


def forget(directory: Path, now: float) -> None:
    """What was written for no dyno for a week goes."""
    for path in directory.iterdir():
        with suppress(OSError):
            if now - path.stat().st_mtime > KEPT_S:
                path.unlink()


def sample(directory: Path) -> None:
    account = VERSION_2 if (GROUPS / "cgroup.controllers").exists() else VERSION_1
    notes = Notes(directory)
    while True:
        # A full disk: what is not noted now is noted by the next sample.
        with suppress(OSError):
            for found in over(GROUPS, account):
                notes.take(found, time.monotonic())
            forget(directory, time.time())
        time.sleep(SAMPLE_S)


if __name__ == "__main__":
    sample(Path(sys.argv[1]))
