"""As many lines as fit, and one that tells what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

_REST: Final = 400
"""Bytes kept for the line that tells how many more there are."""


def size(lines: Iterable[str]) -> int:
    """Bytes of the lines and their ends."""
    return sum(len(line.encode(errors="replace")) + 1 for line in lines)


def fitting(
    items: Sequence[Item], room: int, line: Callable[[Item], str], rest: Callable[[Sequence[Item]], str]
) -> list[str]:
    """At most `room` bytes, but always the line that counts the rest: what is left out is never left unsaid."""
    lines: list[str] = []
    used = 0
    for number, item in enumerate(items):
        text = line(item)
        used += size([text])
        if used > room - (_REST if number < len(items) - 1 else 0):
            return [*lines, rest(items[number:])]
        lines.append(text)
    return lines
