"""Runs inside the keeper's container, as the far end of `logbook.Logbook`: the last lines of each app.

A line of JSON in, a line of JSON out, until the input ends. Uses the standard library alone, of any Python from
3.8 on.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Generator, List  # noqa: UP035  Python 3.8 has no `dict[…]` at run time

Answer = Dict[str, Any]  # noqa: UP006
Lines = List[str]  # noqa: UP006

KEPT_LINES = 1500
"""Of each kind, an app: as many as Heroku keeps."""

KEPT_BYTES = 1024 * 1024


def write(directory: Path, asked: Answer) -> Answer:
    """`said` and `told` are lines of the log; `now` are such without their time."""
    at = datetime.now(timezone.utc).isoformat(timespec="microseconds")  # noqa: UP017  Python 3.8
    fresh = {"said": asked["said"], "told": asked["told"] + [f"{at} {text}" for text in asked["now"]]}
    with _alone(directory):
        for kind, lines in fresh.items():
            if lines:
                path = directory / f"{asked['write']}.{kind}"
                _replace(path, _last(_lines(path) + lines))
    return {}


def read(directory: Path, asked: Answer) -> Answer:
    """What is not older than `since`, of the `kinds`."""
    since = asked["since"]
    return {
        kind: [line for line in _lines(directory / f"{asked['read']}.{kind}") if line >= since]
        for kind in asked["kinds"]
    }


def memory(directory: Path, asked: Answer) -> Answer:
    """What is not older than `since`, of some containers."""
    wanted = set(asked["memory"])
    notes = _lines(directory / "memory.1") + _lines(directory / "memory")
    return {"notes": [note for note in notes if note >= asked["since"] and note.split(" ")[1] in wanted]}


def answer(directory: Path, asked: Answer) -> Answer:
    if "write" in asked:
        return write(directory, asked)
    return memory(directory, asked) if "memory" in asked else read(directory, asked)


def _last(lines: Lines) -> Lines:
    """The newest, in the order of time: every line begins with it, in one form. The same line is there once."""
    kept: Lines = []
    size = 0
    for line in reversed(sorted(set(lines))[-KEPT_LINES:]):
        size += len(line) + 1
        if size > KEPT_BYTES:
            break
        kept.append(line)
    return kept[::-1]


def _lines(path: Path) -> Lines:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _replace(path: Path, lines: Lines) -> None:
    fresh = path.with_name(f".{os.getpid()}.new")
    fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")
    fresh.replace(path)


@contextmanager
def _alone(directory: Path) -> Generator[None, None, None]:
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main(directory: Path) -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        said: Answer = {}
        # A log that cannot be written (a full disk) must not keep anything else from going on.
        with suppress(OSError):
            said = answer(directory, asked)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    # Of the process: not of one that only calls `main`.
    os.umask(0o077)
    main(Path(sys.argv[1]))
