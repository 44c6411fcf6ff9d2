"""An app's log file: Heroku's line format, appended by several processes, rotated by size."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

ROTATE_AT_BYTES = 16 * 1024 * 1024


def log_line(at: datetime, source: str, dyno: str, message: str) -> str:
    """`2026-01-02T03:04:05.000006+00:00 app[web.1]: message` (Heroku's logplex text form)."""
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')} {source}[{dyno}]: {message}"


def append(path: Path, lines: Iterable[str]) -> None:
    """Appends whole lines in one write: with O_APPEND, writers of several processes never mix them."""
    text = "".join(f"{line}\n" for line in lines)
    if not text:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(descriptor, text.encode("utf-8", "replace"))
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if size > ROTATE_AT_BYTES:
        # Two writers may both get here; the second rename finds a small file's name or nothing, and
        # at worst the older half is lost a little earlier. Followers reopen on a changed inode.
        try:
            if path.stat().st_size > ROTATE_AT_BYTES:
                path.rename(path.with_suffix(path.suffix + ".1"))
        except FileNotFoundError:
            pass
