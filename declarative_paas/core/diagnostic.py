"""What we tell a user who made a mistake: a value, never an exception."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypedDict, Unpack


class Severity(Enum):
    """An error stops the command, a warning is counted, a note is a remark."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Position(NamedTuple):
    """Where in a file: 1-based line and column, as editors count.

    A tuple, because a repository has a hundred thousand of them and they are made quicker.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One mistake or remark.

    `code` is a stable kebab-case rule id (`unknown-key`, `plan-not-offered`); `summary` says what
    is wrong in one sentence; `expected` what would be right; `suggestion` the nearest valid choice.
    """

    severity: Severity
    code: str
    summary: str
    position: Position | None = None
    expected: str | None = None
    suggestion: str | None = None
    detail: str | None = None
    address: str | None = None

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else f"{self.address}: " if self.address else ""
        lines = [f"{where}{self.severity.value}: {self.summary} [{self.code}]"]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.suggestion:
            lines.append(f"  did you mean: {self.suggestion}")
        if self.detail:
            lines.extend(f"  | {line}" for line in self.detail.splitlines())
        return "\n".join(lines)


class More(TypedDict, total=False):
    """What a diagnostic may say beside its summary."""

    expected: str | None
    suggestion: str | None
    detail: str | None
    address: str | None


def error(code: str, summary: str, position: Position | None = None, **more: Unpack[More]) -> Diagnostic:
    """An error: the command ends with exit code 1 and changes nothing."""
    return Diagnostic(severity=Severity.ERROR, code=code, summary=summary, position=position, **more)


def warning(code: str, summary: str, position: Position | None = None, **more: Unpack[More]) -> Diagnostic:
    """A warning: shown, counted, and nothing stops."""
    return Diagnostic(severity=Severity.WARNING, code=code, summary=summary, position=position, **more)


def note(code: str, summary: str, position: Position | None = None, **more: Unpack[More]) -> Diagnostic:
    """A remark: shown with a plan that changes something, and nothing stops."""
    return Diagnostic(severity=Severity.NOTE, code=code, summary=summary, position=position, **more)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them stops the command."""
    return any(diagnostic.is_error for diagnostic in diagnostics)


def nearest(word: str, choices: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The valid choice that looks most like `word`, or None when nothing is near (1.0: only itself is)."""
    candidates = sorted(set(choices))
    found = difflib.get_close_matches(word, candidates, n=1, cutoff=cutoff)
    if found:
        return found[0]
    folded = {choice.lower(): choice for choice in candidates}
    return folded.get(word.lower())
