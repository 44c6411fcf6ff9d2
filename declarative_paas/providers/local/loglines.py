"""Reading an app's log back: its end, what one dyno said, and following it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

TAIL_BYTES = 256 * 1024
FOLLOW_POLL_S = 0.2


def tail(path: Path, count: int) -> list[str]:
    """The last lines, also across one rotation."""
    lines = _end_of(path)
    if len(lines) < count:
        lines = _end_of(path.with_suffix(path.suffix + ".1")) + lines
    return lines[-count:] if count else []


def last_lines(path: Path, dyno: str, *, since: datetime, count: int = 20) -> list[str]:
    """What a dyno and the platform about it said since a moment: without the timestamps."""
    found: list[str] = []
    for line in _end_of(path):
        stamp, _, rest = line.partition(" ")
        source, bracket, message = rest.partition(": ")
        if not bracket or source not in (f"app[{dyno}]", f"heroku[{dyno}]"):
            continue
        try:
            if datetime.fromisoformat(stamp) < since:
                continue
        except ValueError:
            continue
        if "sample#" not in message:
            found.append(f"{source}: {message}")
    return found[-count:]


def follow(path: Path, count: int) -> Iterator[str]:
    """The last lines, then new ones as they come, through rotations, until the caller stops asking."""
    yield from tail(path, count)
    position = path.stat().st_size if path.exists() else 0
    inode = path.stat().st_ino if path.exists() else 0
    rest = b""
    while True:
        try:
            found = path.stat()
        except FileNotFoundError:
            time.sleep(FOLLOW_POLL_S)
            continue
        if found.st_ino != inode:
            inode, position, rest = found.st_ino, 0, b""
        if found.st_size > position:
            with path.open("rb") as file:
                file.seek(position)
                content = rest + file.read()
                position = file.tell()
            *whole, rest = content.split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")
        else:
            time.sleep(FOLLOW_POLL_S)


def _end_of(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            content = file.read()
    except FileNotFoundError:
        return []
    lines = content.decode("utf-8", "replace").splitlines()
    return lines[1:] if size > TAIL_BYTES else lines
