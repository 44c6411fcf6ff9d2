"""Rows of text in columns."""

from __future__ import annotations

from collections.abc import Sequence


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned, two spaces between, no space at a line's end; the head in capitals."""
    table = [[title.upper() for title in head], *rows]
    widths = [max(len(row[number]) for row in table) for number in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )
