"""Whether a file can be a state at all, told before SQLite opens it and takes a stump for a small database."""

from __future__ import annotations

from pathlib import Path

from declarative_paas.core.state import StateError
from declarative_paas.state.trouble import DAMAGED, NO_STATE, RESTORE

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100


def refuse_unsound(path: Path) -> None:
    """Raises StateError for a directory, an empty file, one of another kind, and one that was cut short.

    Reads the header alone. The rest is for SQLite, which finds damage where it reads.
    """
    if not path.is_file():
        what = "a directory" if path.is_dir() else "no ordinary file"
        raise StateError(f"the state {path} is {what}: name a file in `spec.state`")
    if path.stat().st_size == 0:
        # A state is never zero bytes long: something cut it short, and an empty one would plan everything anew.
        raise StateError(f"the state {path} is empty (0 bytes): it is damaged; {RESTORE}")
    if _header(path)[:16] != _MAGIC:
        raise StateError(f"the state {path} {NO_STATE}")
    if not _is_open_elsewhere(path) and _is_cut(path) and not _is_open_elsewhere(path):
        raise StateError(f"the state {path} {DAMAGED} (it was cut short)")


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _is_open_elsewhere(path: Path) -> bool:
    """With a journal beside it, the file may be on its way to the size that its header tells."""
    return path.with_name(f"{path.name}-wal").exists()


def _is_cut(path: Path) -> bool:
    """https://www.sqlite.org/fileformat.html, 1.3: page size at 16, size in pages at 28, valid if 24 equals 92."""
    header = _header(path)
    if len(header) < _HEADER_BYTES:
        return True
    stored = int.from_bytes(header[16:18], "big")
    page_bytes = 65_536 if stored == 1 else stored
    pages = int.from_bytes(header[28:32], "big")
    return header[24:28] == header[92:96] and path.stat().st_size < pages * page_bytes
