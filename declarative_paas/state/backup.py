"""Copies of a state, made through SQLite's online backup: whole, also while others write."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from declarative_paas.core.state import StateError
from declarative_paas.state.trouble import RESTORE, told

KEPT = 10
_STAMP = "%Y%m%dT%H%M%S.%fZ"


def backup(path: Path, *, now: datetime) -> Path:
    """Copies the state to `backups/NAME-<UTC time>.db` beside it (mode 0600) and keeps the newest 10.

    The copy is checked before it gets its name, so what stands in `backups/` is whole. Raises StateError.
    """
    with told(path):
        if not path.exists():
            raise StateError(f"there is no state at {path} to make a backup of")
        folder = path.parent / "backups"
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".partial", dir=folder)
        os.close(descriptor)
        partial = Path(name)
        try:
            _copy(path, partial)
            target = _named(partial, folder, path.stem, now)
        finally:
            partial.unlink(missing_ok=True)
        for old in backups(path)[KEPT:]:
            old.unlink(missing_ok=True)
        return target


def backups(path: Path) -> list[Path]:
    """The backups of the state at `path`, newest first. Other files in the directory are none."""
    pattern = re.compile(re.escape(path.stem) + r"-\d{8}T\d{6}\.\d{6}Z\.db")
    folder = path.parent / "backups"
    if not folder.is_dir():
        return []
    return sorted((item for item in folder.iterdir() if pattern.fullmatch(item.name)), reverse=True)


def _copy(path: Path, partial: Path) -> None:
    uri = f"{path.resolve().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(partial, isolation_level=None)) as copy,
    ):
        source.backup(copy)
        # One file, with no -wal to forget when it is copied back.
        copy.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StateError(f"the state {path} is damaged ({verdict}): no backup was made of it; {RESTORE}")


def _named(partial: Path, folder: Path, stem: str, now: datetime) -> Path:
    """Gives the finished copy the first free name, never another backup's."""
    moment = now.astimezone(UTC)
    while True:
        target = folder / f"{stem}-{moment.strftime(_STAMP)}.db"
        try:
            os.link(partial, target)
        except FileExistsError:
            moment += timedelta(microseconds=1)
        else:
            return target
