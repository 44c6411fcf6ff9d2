"""Readers of single values: raw YAML in, the model's value or a Mismatch out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from declarative_paas.catalog.model import Alias
from declarative_paas.core.diagnostic import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Why a value cannot be read."""

    expected: str
    suggestion: str | None = None


Reader: TypeAlias = Callable[[object], object]
"""A raw YAML value -> the model's value, or a Mismatch."""


LARGEST = 10**9
"""Nothing here counts that far: a longer number is a slip, and sums stay exact in any JSON reader."""


def text(raw: object) -> object:
    return raw if isinstance(raw, str) and raw else Mismatch(expected="a text")


def flag(raw: object) -> object:
    return raw if isinstance(raw, bool) else Mismatch(expected="true or false")


def count(raw: object) -> object:
    """A whole number from 1."""
    is_count = isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < LARGEST
    return raw if is_count else Mismatch(expected="a whole number from 1")


def share(raw: object) -> object:
    # The upper bound also refuses .inf; a NaN fails every comparison.
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and 0 < raw < LARGEST:
        return float(raw)
    return Mismatch(expected="a number above 0")


def dollars(raw: object) -> object:
    """Dollars a month, to whole cents."""
    if isinstance(raw, (int, float)) and not isinstance(raw, bool) and 0 <= raw < LARGEST:
        cents = round(raw * 100)
        if abs(raw * 100 - cents) < 1e-4:
            return cents
    return Mismatch(expected="dollars a month, from 0, in whole cents (9.95)")


def matching(pattern: str, expected: str) -> Reader:
    compiled = re.compile(pattern)

    def read(raw: object) -> object:
        if isinstance(raw, str) and compiled.fullmatch(raw):
            return raw
        repaired = re.sub(r"[^A-Za-z0-9]+", "_", raw).strip("_").upper() if isinstance(raw, str) else ""
        return Mismatch(expected=expected, suggestion=repaired if compiled.fullmatch(repaired) else None)

    return read


def one_of(*choices: str) -> Reader:
    def read(raw: object) -> object:
        if isinstance(raw, str) and raw in choices:
            return raw
        suggestion = nearest(raw, choices) if isinstance(raw, str) else None
        return Mismatch(expected=f"one of {', '.join(choices)}", suggestion=suggestion)

    return read


def optional(read: Reader) -> Reader:
    """`null` is a value too: no limit, everywhere."""
    return lambda raw: None if raw is None else read(raw)


def texts(raw: object) -> object:
    """A list of texts. A number is refused: 9.10 as a version would have become 9.1."""
    if isinstance(raw, Sequence) and not isinstance(raw, str):
        items = tuple(cast("Sequence[object]", raw))
        if all(isinstance(item, str) and item for item in items):
            return items
    return Mismatch(expected="a list of texts")


def aliases(raw: object) -> object:
    """Name -> note, or a list of names; in sorted order."""
    names = texts(raw)
    if isinstance(raw, Mapping):
        notes = cast("Mapping[object, object]", raw)
        if all(isinstance(name, str) and isinstance(note, str) for name, note in notes.items()):
            return tuple(sorted(Alias(name=str(name), note=str(note)) for name, note in notes.items()))
    if isinstance(names, tuple):
        return tuple(sorted(Alias(name=str(name)) for name in cast("tuple[object, ...]", names)))
    return Mismatch(expected="other names, as a list or as name: note")
