"""`dpaas fmt`: which files are manifests, and their canonical text."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.manifest.file_text import decode
from declarative_paas.manifest.format import format_text
from declarative_paas.manifest.load import OVERLAYS, SUFFIXES, load
from declarative_paas.manifest.variables import VariableInputs

_OURS = re.compile(rb"^kind:[ \t]*['\"]?(App|Platform|Fork)\b", re.MULTILINE)
_ABOUT_FILES = frozenset({"no-such-file", "unreadable-file", "file-too-large", "no-manifests"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted:
    """One file, as it is and as it should be. `after` is None when it cannot be formatted."""

    path: Path
    before: str
    after: str | None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def changed(self) -> bool:
        return self.after is not None and self.after != self.before


def format_files(paths: Sequence[Path]) -> tuple[list[Formatted], list[Diagnostic]]:
    """Every manifest below the paths, overlays too; writes nothing. A file that is named is always one."""
    loaded = load(paths, variables=VariableInputs())
    missing = [found for found in loaded.diagnostics if found.code in _ABOUT_FILES]
    named = {path.resolve() for path in paths if path.is_file()}
    formatted: list[Formatted] = []
    for path in dict.fromkeys([*loaded.files, *_overlays(loaded.files)]):
        data = path.read_bytes()
        if path.resolve() in named or _OURS.search(data):
            formatted.append(_format(path, data))
    return formatted, missing


def write_formatted(formatted: Formatted) -> None:
    """Puts the new text in the file's place at once: never half of it, and with the file's own mode. Raises OSError."""
    assert formatted.after is not None, "only what could be formatted is written"
    path = formatted.path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(formatted.after)
        temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _overlays(files: Sequence[Path]) -> Iterator[Path]:
    """The files of every environment, for each directory that holds a manifest."""
    for directory in sorted({path.parent for path in files}):
        for entry in sorted((directory / OVERLAYS).glob("*/*")):
            if entry.suffix in SUFFIXES and entry.is_file():
                yield entry


def _format(path: Path, data: bytes) -> Formatted:
    before = decode(data, str(path))
    if not isinstance(before, str):
        return Formatted(path=path, before="", after=None, diagnostics=(before,))
    after = format_text(before, str(path))
    if isinstance(after, str):
        # Compared with what lies on disk: a byte order mark is one more thing that formatting takes away.
        return Formatted(path=path, before=data.decode("utf-8"), after=after)
    return Formatted(path=path, before=before, after=None, diagnostics=after)
