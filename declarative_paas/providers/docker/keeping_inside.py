"""Runs inside the keeper's container, as the far end of `keeping.Session`: keeps files in one directory.

A line of JSON in, a line of JSON out, until the input ends. What was put is on the disk before the answer is given;
a lock ends with this process. Uses the standard library alone, of any Python from 3.8 on.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict  # noqa: UP035  Python 3.8 has no `dict[…]` at run time

Answer = Dict[str, Any]  # noqa: UP006


def read(directory: Path, prefix: str) -> Answer:
    found: Answer = {}
    for path in directory.iterdir():
        if path.name.startswith(prefix) and not path.name.startswith("."):
            with suppress(FileNotFoundError):  # removed by another session meanwhile
                found[path.name] = path.read_text(encoding="utf-8")
    return found


def write(path: Path, text: str, exclusive: bool) -> None:
    fresh = path.with_name(f".{os.getpid()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if exclusive:
        try:
            os.link(fresh, path)
        finally:
            fresh.unlink()
    else:
        fresh.replace(path)


def sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(path: Path, held: dict[str, int]) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    held[path.name] = descriptor
    return True


def answer(directory: Path, asked: Answer, held: dict[str, int]) -> Answer:
    if "read" in asked:
        return {"files": read(directory, asked["read"])}
    if "lock" in asked:
        return {"held": lock(directory / f".{asked['lock']}.lock", held)}
    if "unlock" in asked:
        os.close(held.pop(f".{asked['unlock']}.lock"))
        return {}
    try:
        for name, text in asked.get("put", {}).items():
            write(directory / name, text, asked.get("exclusive", False))
    except FileExistsError:
        return {"taken": True}
    for name in asked.get("remove", []):
        with suppress(FileNotFoundError):
            (directory / name).unlink()
    sync(directory)
    return {}


def main(directory: Path) -> None:
    os.umask(0o077)
    held: dict[str, int] = {}
    for line in sys.stdin:
        try:
            said = answer(directory, json.loads(line), held)
        except OSError as problem:
            said = {"error": problem.strerror or str(problem)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
