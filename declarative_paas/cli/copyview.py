"""Copies of data for a terminal, and what follows: one line each, or with every comparison of their verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from declarative_paas.cli.columns import columns

if TYPE_CHECKING:
    from declarative_paas.operations.copies import CopyStatus


def copies_text(copies: Sequence[CopyStatus], *, whole: bool) -> str:
    """`whole` adds the notes and the table of each."""
    head = ["fork", "add-on", "from", "verified", "rows", "bytes", "copy", "verification", "comparisons"]
    parts = [columns(head, [_row(copy) for copy in copies])]
    following = [[copy.fork, copy.alias, copy.follower.sentence] for copy in copies if copy.follower is not None]
    if following:
        parts.append(columns(["fork", "add-on", "follows"], following))
    if whole:
        parts += ["\n".join(_details(copy)) for copy in copies]
    return "\n\n".join(parts)


def _row(copy: CopyStatus) -> list[str]:
    copied, verified = copy.seconds
    return [
        copy.fork,
        copy.alias,
        f"{copy.source} ({copy.from_region} -> {copy.to_region})",
        copy.verified_at or "",
        f"{copy.rows:,}",
        f"{copy.bytes:,}",
        f"{copied:.1f} s",
        f"{verified:.1f} s",
        f"{copy.comparisons} the same",
    ]


def _details(copy: CopyStatus) -> Iterator[str]:
    yield f"{copy.alias} of {copy.fork}, as compared with {copy.source}'s:"
    rows = [
        [row.kind, row.name, _rows(row.source_rows), _rows(row.target_rows), row.verdict.value] for row in copy.table
    ]
    head = ["kind", "name", "rows in the source", "rows in the fork", "content"]
    yield columns(head, rows) if rows else "nothing to compare: it was empty"
    yield from (f"note: {text}" for text in copy.notes)


def _rows(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
