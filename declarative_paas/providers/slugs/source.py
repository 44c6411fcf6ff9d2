"""An app's source directory: which files belong to it, and one digest over them all."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

MAX_SOURCE_BYTES = 500 * 1024 * 1024
"""Heroku's limit for a compressed slug; a larger source is most likely a mistake."""

ALWAYS_IGNORED = frozenset(
    {".git", ".dpaas", "__pycache__", "node_modules", ".venv", ".hg", ".svn", "dpaas.yaml", "dpaas.yml"}
)
"""The manifest too: it may lie beside the code, and a change of it alone must not make another slug."""

IGNORE_FILE = ".slugignore"
"""In the source's own directory; gitignore's syntax."""


LeavesOut: TypeAlias = Callable[[str, bool], bool]
"""Whether a path below the source (is it a directory?) does not belong to it; nothing below such a directory does."""


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
    """Every file that belongs to the source, sorted by path; as in git, an empty directory is nothing.

    Raises SourceError: no directory, too much in it, or an entry that cannot be read or shipped.
    """
    return files_below(source, _ignore, IGNORE_FILE)


def files_below(source: Path, rules: Callable[[Path], LeavesOut], ignore_file: str) -> list[SourceFile]:
    """The same by other rules, made for the source's directory. `ignore_file` is where a person writes them."""
    root = _root(source)
    try:
        found = sorted(_walk(root, "", root, rules(root)), key=lambda file: file.path)
    except OSError as problem:
        raise SourceError(f"{problem.filename} cannot be read: {problem.strerror}") from None
    total = sum(file.size for file in found)
    if total > MAX_SOURCE_BYTES:
        raise SourceError(
            f"{source} has {total // 2**20} MB, more than {MAX_SOURCE_BYTES // 2**20}: "
            f"leave files out with {ignore_file}"
        )
    return found


def source_digest(source: Path) -> str:
    """SHA-256 over paths, contents, executable bits and links; the same tree has the same digest anywhere.

    Raises SourceError.
    """
    return digest_of(source, list_files(source))


def digest_of(source: Path, files: Sequence[SourceFile]) -> str:
    """The digest of a source whose files are listed already. Raises SourceError when one cannot be read."""
    digest = hashlib.sha256()
    for file in files:
        # A path holds no NUL, and a content's digest has one length: no two trees are written alike.
        if file.target is not None:
            entry = f"link\0{file.path}\0{file.target}\0"
        else:
            kind = "program" if file.executable else "file"
            entry = f"{kind}\0{file.path}\0{_content_digest(source / file.path)}\0"
        digest.update(entry.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _content_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise SourceError(f"{path} cannot be read: {problem.strerror}") from None


def _root(source: Path) -> Path:
    try:
        mode = source.stat().st_mode
    except FileNotFoundError:
        raise SourceError(f"{source} does not exist") from None
    except OSError as problem:
        raise SourceError(f"{source} cannot be read: {problem.strerror}") from None
    if not stat.S_ISDIR(mode):
        raise SourceError(f"{source} is not a directory")
    return source.resolve()


def _walk(root: Path, below: str, directory: Path, leaves_out: LeavesOut) -> Iterator[SourceFile]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name in ALWAYS_IGNORED:
                continue
            path = f"{below}{entry.name}"
            is_directory = entry.is_dir(follow_symlinks=False)
            if leaves_out(path, is_directory):
                continue
            if is_directory:
                yield from _walk(root, f"{path}/", Path(entry.path), leaves_out)
            elif entry.is_symlink():
                yield SourceFile(path=path, target=_link_target(Path(entry.path), root))
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield SourceFile(path=path, executable=bool(found.st_mode & stat.S_IXUSR), size=found.st_size)
            else:
                raise SourceError(f"{entry.path} is neither a file, a directory nor a link: it cannot be in a slug")


def _link_target(link: Path, root: Path) -> str:
    """A link out of the source would carry in whatever lies there on this machine."""
    target = str(link.readlink())
    if Path(target).is_absolute():
        raise SourceError(f"{link} is a link to the absolute path {target}: only relative links work in a slug")
    written = Path(os.path.normpath(link.parent / target))
    # By what is written and by what is there: `..` behind a link to a directory leads where the link leads.
    reached = Path(os.path.realpath(link.parent / target))
    if not (written.is_relative_to(root) and reached.is_relative_to(root)):
        raise SourceError(f"{link} leads out of the source, to {target}")
    return target


def lines_of(path: Path) -> list[str]:
    """Raises SourceError for what is no text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not UTF-8 text") from None


def _ignore(root: Path) -> LeavesOut:
    """As git: nothing below a directory that is left out can be taken back in."""
    path = root / IGNORE_FILE
    if not path.is_file():
        return lambda _path, _is_directory: False
    from pathspec import GitIgnoreSpec

    lines = lines_of(path)
    for number, line in enumerate(lines, start=1):
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            raise SourceError(f"{path}:{number}: {line!r} is not a gitignore pattern") from None
    spec = GitIgnoreSpec.from_lines(lines)
    return lambda found, is_directory: spec.match_file(f"{found}/" if is_directory else found)
