"""What we tell a user who made a mistake: a value, never an exception."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypedDict, Unpack

from declarative_paas.core.nearness import slips_between

_SHORT: Final = 6
"""Words of fewer letters are near with one slip, longer ones with two."""

_TELLING: Final = 3
"""So many letters at the beginning of a name tell which one is meant."""


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


def in_order_of_place(diagnostic: Diagnostic) -> tuple[Position, str, str]:
    """Sorts as a person reads: by file, line and column; those without a place first."""
    return diagnostic.position or Position("", 0, 0), diagnostic.code, diagnostic.summary


def nearest(word: str, choices: Iterable[str], *, slips: int | None = None) -> str | None:
    """The valid choice that `word` was most likely meant to be; None when none is near.

    A suggestion is worth more than none only when it is right: it is made for slips of the finger and for a part of a
    longer name, in any case, and for nothing that merely has some letters in common. `slips`: how many are forgiven;
    left out, one for a short word and two for a longer one, or a part of the name.
    """
    folded = word.casefold()
    forgiven = slips if slips is not None else 1 if len(word) < _SHORT else 2
    found: list[tuple[int, int, str]] = []
    for choice in sorted(set(choices)):
        other = choice.casefold()
        distance = slips_between(folded, other, at_most=forgiven)
        if distance <= forgiven and distance < max(len(word), len(choice)):
            found.append((distance, 0, choice))
        elif slips is None and _is_part(folded, other):
            found.append((forgiven + 1, abs(len(folded) - len(other)), choice))
    return min(found)[2] if found else None


def _is_part(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    return len(shorter) >= _TELLING and longer.startswith(shorter)
