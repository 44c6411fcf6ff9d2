"""The changes of a comment: folded app by app, in as much detail as there is room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from declarative_paas.core.plan import Action
from declarative_paas.preview.causes import how_shared
from declarative_paas.preview.costs import cost_text
from declarative_paas.preview.markdown_fitting import fitting, size
from declarative_paas.preview.markdown_text import clipped, code, html_code, prose, where
from declarative_paas.preview.model import AppView, ChangeView, Line, Preview
from declarative_paas.preview.signs import DEEDS

_VALUE: Final = 200
"""Characters of one attribute's line."""

_REST: Final = 500
"""Bytes kept for the line that counts the apps that do not fit."""


def change_blocks(preview: Preview, room: int) -> list[str]:
    """Every app whole while there is room, then one line a change, then counted."""
    if not preview.apps:
        return []
    lines = ["#### Changes", ""]
    left = room - size(lines) - _REST
    for number, app in enumerate(preview.apps):
        whole = _block(app, list(_details(app, preview.origin.link_base)))
        if size(whole) > left:
            whole = _block(app, _short(app, preview.origin.link_base, left // 2))
        if size(whole) > left:
            return [*lines, _counted(preview.apps[number:]), ""]
        lines += whole
        left -= size(whole)
    return lines


def counts_of(counts: Mapping[str, int]) -> str:
    """`2 to create, 1 to delete`"""
    return ", ".join(f"{counts[deed]} to {deed}" for deed in DEEDS if counts.get(deed))


def removal_line(change: ChangeView, link_base: str | None) -> str:
    """What goes, why, and what it takes with it."""
    return "- " + " — ".join(_head(change, link_base))


def _head(change: ChangeView, link_base: str | None, told: Sequence[str] = ()) -> list[str]:
    causes = [cause for cause in change.causes if cause not in told]
    parts = [code(f"{change.sign} {change.address}")]
    parts += [code(change.note)] if change.note else []
    parts += [f"moved from {code(change.moved_from)}"] if change.moved_from else []
    parts += [f"because {prose('; '.join(causes))}"] if causes else []
    place = where(change.position, link_base)
    return [*parts, place] if place else parts


def _block(app: AppView, body: Sequence[str]) -> list[str]:
    cost = f", {cost_text(app.cost)}" if app.cost.delta_cents or app.cost.unpriced else ""
    worst = "" if app.worst is None else f" · {app.worst.value}"
    summary = f"{html_code(app.name)} ({html_code(app.regions)}): {counts_of(app.counts)}{cost}{worst}"
    return [f"<details><summary>{summary}</summary>", "", *body, "", "</details>", ""]


def _details(app: AppView, link_base: str | None) -> Iterator[str]:
    for cause in app.shared_causes:
        yield f"{how_shared(cause, (change.causes for change in app.changes)).capitalize()} because {prose(cause)}."
        yield ""
    for change in app.changes:
        yield "- " + " — ".join(_head(change, link_base, told=app.shared_causes))
        lines = list(_lines(change))
        if lines:
            yield "  ```diff"
            yield from (f"  {line}" for line in lines)
            yield "  ```"
        for way in change.ways_out:
            yield f"  {prose(way)}"


def _lines(change: ChangeView) -> Iterator[str]:
    sign = {Action.CREATE: "+", Action.DELETE: "-", Action.FORGET: "-"}.get(change.action, "!")
    yield from (f"{sign} {_line(line)}" for line in change.lines)
    if change.lines and change.unchanged:
        yield f"# {change.unchanged} unchanged"


def _line(line: Line) -> str:
    forced = "  # forces replacement" if line.forces_replacement else ""
    return f"{clipped(f'{line.label}: {line.text}', _VALUE)}{forced}"


def _short(app: AppView, link_base: str | None, room: int) -> list[str]:
    def line(change: ChangeView) -> str:
        return "- " + " — ".join(_head(change, link_base))

    def rest(left: Sequence[ChangeView]) -> str:
        return f"- and {len(left)} more: {counts_of(Counter(change.deed for change in left))}"

    return fitting(app.changes, room, line, rest)


def _counted(apps: Sequence[AppView]) -> str:
    total: Counter[str] = Counter()
    for app in apps:
        total.update(app.counts)
    names = ", ".join(code(app.name) for app in apps[:5])
    more = f" and {len(apps) - 5} more" if len(apps) > 5 else ""
    return (
        f"**{len(apps)} apps do not fit here** ({names}{more}): {counts_of(total)}. "
        "The HTML and JSON previews show them all."
    )
