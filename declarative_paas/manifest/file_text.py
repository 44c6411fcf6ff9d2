"""A manifest file's bytes -> text, or the diagnostic that says why they are none."""

from __future__ import annotations

import codecs
import re
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error

MAX_FILE_BYTES: Final = 5_000_000

# What YAML 1.2 (5.1) calls non-printable. NUL among them: most often a binary or a UTF-16 file.
_NON_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FOREIGN_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def place(text: str, offset: int, file: str) -> Position:
    """The 1-based line and column of a character offset."""
    line_start = text.rfind("\n", 0, offset) + 1
    return Position(file, text.count("\n", 0, offset) + 1, offset - line_start + 1)


def too_large(size: int, file: str) -> Diagnostic:
    """The diagnostic for a file of `size` bytes, more than `MAX_FILE_BYTES`."""
    return error(
        "file-too-large",
        f"this file has {size / 1e6:.1f} MB; a manifest has at most {MAX_FILE_BYTES / 1e6:.0f} MB",
        Position(file, 1, 1),
        expected="several smaller files: a directory of manifests is read as one",
    )


def decode(data: bytes, file: str) -> str | Diagnostic:
    """UTF-8 text without a byte order mark; lines end as they were written."""
    if len(data) > MAX_FILE_BYTES:
        return too_large(len(data), file)
    for mark, encoding in _FOREIGN_MARKS:
        if data.startswith(mark):
            return error("not-utf-8", f"this file is {encoding}", Position(file, 1, 1), expected="UTF-8 text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        before = data[: problem.start].decode("utf-8")
        return error(
            "not-utf-8",
            f"byte {problem.start} (0x{data[problem.start]:02x}) is not UTF-8",
            place(before, len(before), file),
            expected="UTF-8 text",
        )
    text = text.removeprefix("\ufeff")
    found = _NON_PRINTABLE.search(text)
    if found:
        character = ord(found.group())
        what = "a NUL byte" if character == 0 else f"the control character U+{character:04X}"
        return error(
            "control-character",
            f"{what} is not allowed in YAML",
            place(text, found.start(), file),
            expected="printable text" if character == 0 else f'an escape in double quotes: "\\x{character:02x}"',
        )
    return text
