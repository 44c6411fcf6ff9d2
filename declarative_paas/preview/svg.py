"""A layered drawing of a graph as one SVG document. No external program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

BOX_HEIGHT: Final = 30
ROW_GAP: Final = 14
COLUMN_GAP: Final = 70
MARGIN: Final = 20
CHARACTER_WIDTH: Final = 7.3
"""Of the 12 px monospace font the labels are set in."""

SWEEPS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    x: float
    y: float
    width: float


def render_svg(nodes: Sequence[tuple[str, str, str]], edges: Sequence[tuple[str, str]]) -> str:
    """Nodes are (id, label, fill colour). What is needed stands to the left of what needs it."""
    labels = {identifier: label for identifier, label, _ in nodes}
    columns = _ordered(_columns(list(labels), edges), edges)
    places = _places(columns, labels)
    width = max((place.x + place.width for place in places.values()), default=0) + MARGIN
    height = max((place.y + BOX_HEIGHT for place in places.values()), default=0) + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="12">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#6c757d"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
    ]
    lines += [_edge(places[needed], places[needing]) for needing, needed in edges]
    lines += [_box(places[identifier], label, colour) for identifier, label, colour in nodes]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _columns(identifiers: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """By the longest path: everything stands one column right of the rightmost thing it needs."""
    from declarative_paas.core.graph import topological_order

    needs: dict[str, list[str]] = {identifier: [] for identifier in identifiers}
    for needing, needed in edges:
        needs[needing].append(needed)
    level: dict[str, int] = {}
    for identifier in topological_order(needs):
        level[identifier] = 1 + max((level[needed] for needed in needs[identifier]), default=-1)
    columns: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for identifier in sorted(identifiers):
        columns[level[identifier]].append(identifier)
    return columns


def _ordered(columns: list[list[str]], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Few crossings: each column in the order of its neighbours' middle, swept forth and back."""
    neighbours: dict[str, list[str]] = {}
    for needing, needed in edges:
        neighbours.setdefault(needing, []).append(needed)
        neighbours.setdefault(needed, []).append(needing)
    for sweep in range(SWEEPS):
        position = {identifier: row for column in columns for row, identifier in enumerate(column)}
        indices = range(len(columns)) if sweep % 2 == 0 else range(len(columns) - 1, -1, -1)
        for index in indices:
            columns[index] = sorted(columns[index], key=lambda item: (_middle(item, neighbours, position), item))
            position.update({identifier: row for row, identifier in enumerate(columns[index])})
    return columns


def _middle(identifier: str, neighbours: Mapping[str, Sequence[str]], position: Mapping[str, int]) -> float:
    near = neighbours.get(identifier, ())
    return sum(position[item] for item in near) / len(near) if near else float(position[identifier])


def _places(columns: Sequence[Sequence[str]], labels: Mapping[str, str]) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    x = float(MARGIN)
    for column in columns:
        width = max(len(labels[identifier]) for identifier in column) * CHARACTER_WIDTH + 20
        for row, identifier in enumerate(column):
            places[identifier] = _Place(x=x, y=MARGIN + row * (BOX_HEIGHT + ROW_GAP), width=width)
        x += width + COLUMN_GAP
    return places


def _edge(start: _Place, end: _Place) -> str:
    x1, y1 = start.x + start.width, start.y + BOX_HEIGHT / 2
    x2, y2 = end.x, end.y + BOX_HEIGHT / 2
    bend = max(30.0, (x2 - x1) / 2)
    path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'<path d="{path}" fill="none" stroke="#6c757d" marker-end="url(#arrow)"/>'


def _box(place: _Place, label: str, colour: str) -> str:
    return (
        f'<g><rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{BOX_HEIGHT}" rx="5" '
        f'fill="{escape(colour)}" stroke="#adb5bd"/>'
        f'<text x="{place.x + 10:.1f}" y="{place.y + 19:.1f}">{escape(label)}</text></g>'
    )
