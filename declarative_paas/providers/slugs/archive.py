"""A directory as a tar.gz whose bytes depend on nothing but the content."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

FIXED_TIME = 946_684_800
"""2000-01-01T00:00:00Z, every file's time in a slug. Zip files, and so wheels, hold no time before 1980."""


def write_archive(directory: Path, target: Path) -> None:
    """Sorted, without times or owners; durable when it returns. Sockets, pipes and devices are left out.

    Raises OSError when something cannot be read or written.
    """
    with target.open("wb") as file:
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=3) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in _entries(directory):
                _add(archive, path, str(path.relative_to(directory)))
        file.flush()
        os.fsync(file.fileno())


def _entries(directory: Path) -> Iterator[Path]:
    """Everything below, sorted, a directory before what is in it. Never through a link."""
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        path = Path(entry.path)
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(path)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    # Each name by itself: a second name of one file would else be stored as a link to the first.
    archive.inodes = {}  # type: ignore[attr-defined]
    entry = archive.gettarinfo(path, name)
    entry.mtime = FIXED_TIME
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isreg():
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as content:
            archive.addfile(entry, content)
    elif entry.isdir() or entry.issym():
        archive.addfile(entry)
