"""What a link end's HAProxy says of the other ends: `show stat` of its socket, as problems in words. Pure."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from declarative_paas.providers.links.program import TargetLink

QUESTION: Final = b"show stat\n"

UNCHECKED: Final = frozenset({"", "INI"})
"""What HAProxy says of a check before its first answer; its server counts as up until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A listener as the other end sees it. `checked` is False before the first answer, `up` is then a guess."""

    up: bool
    checked: bool
    words: str


def watched(answer: str) -> Mapping[str, Watched]:
    """By the label of the link. An answer that is cut short tells of fewer."""
    lines = answer.lstrip("# ").splitlines()
    rows: Sequence[Mapping[str, str | None]] = list(csv.DictReader(lines))
    return {
        str(row["pxname"]): Watched(
            up=str(row.get("status")).startswith("UP"),
            checked=str(row.get("check_status") or "").removeprefix("* ") not in UNCHECKED,
            words=row.get("last_chk") or row.get("check_desc") or "",
        )
        for row in rows
        # Routes only follow what their link's own server says.
        if row.get("svname") == "listener" and row.get("check_status")
    }


def link_problems(target: TargetLink, seen: Mapping[str, Watched]) -> tuple[str, ...]:
    """What is wrong with a link as seen from its target."""
    found = seen.get(target.link.label)
    if found is None:
        return (f"the link end in {target.link.target} does not watch {target.link.source}",)
    if not found.checked:
        return (f"{target.link.source} has not answered yet at {target.address}",)
    if not found.up:
        why = f": {found.words}" if found.words else ""
        return (f"{target.link.source} does not answer at {target.address}{why}",)
    return ()
