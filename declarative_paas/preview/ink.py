"""Colours of a terminal: the same text with and without, but for the codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Style: TypeAlias = Literal["create", "update", "replace", "delete", "forget", "bold", "dim", "danger", "plain"]

_CODES: Final[Mapping[Style, str]] = {
    "create": "\033[32m",
    "update": "\033[33m",
    "replace": "\033[35m",
    "delete": "\033[31m",
    "forget": "\033[2m",
    "bold": "\033[1m",
    "dim": "\033[2m",
    "danger": "\033[1;31m",
}
_RESET: Final = "\033[0m"


@dataclass(frozen=True, slots=True)
class Ink:
    """Paints one piece of a line; it never spans lines, so a cut-off line leaves no colour behind."""

    enabled: bool

    def __call__(self, style: Style, text: str) -> str:
        code = _CODES.get(style, "")
        return f"{code}{text}{_RESET}" if self.enabled and code and text else text
