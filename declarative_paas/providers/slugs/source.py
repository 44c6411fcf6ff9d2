"""An app's source directory: which files belong to it, and one digest over them all."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_SOURCE_BYTES = 500 * 1024 * 1024
"""Heroku's limit for a compressed slug; a larger source is most likely a mistake."""

ALWAYS_IGNORED = frozenset({".git", ".dpaas", "__pycache__", "node_modules", ".venv", ".hg", ".svn"})
IGNORE_FILE = ".slugignore"


class SourceError(Exception):
    """A source that cannot be used. Says why, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file or a symbolic link (`target` set) below the source, by its relative POSIX path."""

    path: str
    executable: bool = False
    size: int = 0
    target: str | None = None


def list_files(source: Path) -> list[SourceFile]:
    """Every file that belongs to the source, sorted by path. Raises SourceError."""
    if not source.exists():
        raise SourceError(f"{source} does not exist")
    if not source.is_dir():
        raise SourceError(f"{source} is not a directory")
    root = source.resolve()
    try:
        found = sorted(_walk(root, root, _ignore(root)), key=lambda file: file.path)
    except OSError as problem:
        raise SourceError(f"{problem.filename}: {problem.strerror}") from None
    total = sum(file.size for file in found)
    if total > MAX_SOURCE_BYTES:
        raise SourceError(
            f"{source} has {total // 2**20} MB, more than {MAX_SOURCE_BYTES // 2**20}: "
            f"leave files out with {IGNORE_FILE}"
        )
    return found


def source_digest(source: Path) -> str:
    """SHA-256 over paths, contents, executable bits and links; the same tree has the same digest anywhere.

    Raises SourceError.
    """
    root = source.resolve()
    digest = hashlib.sha256()
    for file in list_files(source):
        if file.target is not None:
            digest.update(f"link\0{file.path}\0{file.target}\0".encode("utf-8", "surrogateescape"))
            continue
        content = hashlib.sha256()
        try:
            with (root / file.path).open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    content.update(chunk)
        except OSError as problem:
            raise SourceError(f"{root / file.path}: {problem.strerror}") from None
        kind = "program" if file.executable else "file"
        digest.update(f"{kind}\0{file.path}\0{content.hexdigest()}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _walk(directory: Path, root: Path, ignore: GitIgnoreSpec | None) -> Iterator[SourceFile]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name in ALWAYS_IGNORED:
                continue
            path = os.path.relpath(entry.path, root)
            is_directory = entry.is_dir(follow_symlinks=False)
            if ignore is not None and ignore.match_file(f"{path}/" if is_directory else path):
                continue
            if is_directory:
                yield from _walk(Path(entry.path), root, ignore)
            elif entry.is_symlink():
                yield SourceFile(path=path, target=_link_target(Path(entry.path), root))
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield SourceFile(path=path, executable=bool(found.st_mode & stat.S_IXUSR), size=found.st_size)
            else:
                raise SourceError(f"{entry.path} is neither a file, a directory nor a link")


def _link_target(link: Path, root: Path) -> str:
    """A link out of the source would carry in whatever lies there on this machine."""
    target = str(link.readlink())
    resolved = Path(os.path.normpath(link.parent / target))
    if Path(target).is_absolute() or not resolved.is_relative_to(root):
        raise SourceError(f"{link} leads out of the source, to {target}")
    return target


def _ignore(root: Path) -> GitIgnoreSpec | None:
    path = root / IGNORE_FILE
    if not path.is_file():
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8").splitlines())
