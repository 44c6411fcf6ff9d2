"""What a secret's value may be: text that an environment variable can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_SECRET_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Why bytes are no secret's value, without quoting them. `summary` goes on after "the value"."""

    code: str
    summary: str
    expected: str


_EMPTY: Final = Unusable(code="no-value", summary="is empty", expected="at least one character")
_TOO_LARGE: Final = Unusable(
    code="value-too-large",
    summary=f"has more than {MAX_SECRET_BYTES} bytes",
    expected=f"at most {MAX_SECRET_BYTES} bytes",
)
_NOT_TEXT: Final = Unusable(code="not-utf-8", summary="is not UTF-8 text", expected="text; binary values as base64")
_NUL: Final = Unusable(
    code="bad-value", summary="holds a NUL byte, which no environment variable can", expected="text without NUL"
)


def secret_text(data: bytes) -> str | Unusable:
    """The value that the bytes are; line ends inside it are part of it (a PEM key has many)."""
    if not data:
        return _EMPTY
    if len(data) > MAX_SECRET_BYTES:
        return _TOO_LARGE
    if b"\0" in data:
        return _NUL
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # Without the exception: it quotes the bytes.
        return _NOT_TEXT


def without_line_end(data: bytes) -> bytes:
    """The bytes less the one line end that editors and `echo` put last."""
    return data.removesuffix(b"\n").removesuffix(b"\r")
