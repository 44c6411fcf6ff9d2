"""A directory as a tar.gz whose bytes depend on nothing but the content."""

from __future__ import annotations

import gzip
import os
import stat
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
    found = path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mtime = FIXED_TIME
    if stat.S_ISREG(found.st_mode):
        entry.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as content:
            entry.size = os.fstat(content.fileno()).st_size
            archive.addfile(entry, content)
    elif stat.S_ISDIR(found.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    elif stat.S_ISLNK(found.st_mode):
        entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
        archive.addfile(entry)
