"""A layered layout: what is needed stands to the left of what needs it, and lines pass between boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from declarative_paas.core.graph import topological_order

BOX_HEIGHT: Final = 30
ROW_GAP: Final = 14
LANE_HEIGHT: Final = 10
COLUMN_GAP: Final = 70
MARGIN: Final = 20
SWEEPS: Final = 4

Edge: TypeAlias = tuple[str, str]
"""(what needs, what is needed)"""

_Item: TypeAlias = tuple[str, int]
"""A box (its id, -1), or the lane of everything that needs the id through a column in between (its id, the column)."""

_BOX: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.y + BOX_HEIGHT / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`routes` has one for each edge, in their order: the points it passes, from the needed box's right side
    to the needing box's left. From an even point (0, 2, …) it runs level through a column, from an odd one across
    the gap to the next.
    """

    boxes: Mapping[str, Box]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def lay_out(widths: Mapping[str, float], edges: Sequence[Edge]) -> Layout:
    """Places boxes of these widths. Deterministic; raises CycleError."""
    level = _levels(sorted(widths), edges)
    columns = _ordered(_columns(level, edges), _neighbours(level, edges))
    column_widths = [max((widths[name] for name, lane in column if lane == _BOX), default=0.0) for column in columns]
    lefts: list[float] = []
    x = float(MARGIN)
    for width in column_widths:
        lefts.append(x)
        x += width + COLUMN_GAP
    boxes: dict[str, Box] = {}
    lanes: dict[_Item, float] = {}
    tallest = max((_height(column) for column in columns), default=0.0)
    for index, column in enumerate(columns):
        y = MARGIN + (tallest - _height(column)) / 2
        for item in column:
            name, lane = item
            if lane == _BOX:
                boxes[name] = Box(x=lefts[index], y=y, width=widths[name])
            else:
                lanes[item] = y + LANE_HEIGHT / 2
            y += _item_height(item)
    rights = [left + width for left, width in zip(lefts, column_widths, strict=True)]
    routes = tuple(_route(edge, level, boxes, lanes, lefts, rights) for edge in edges)
    return Layout(boxes=boxes, routes=routes, width=max(x - COLUMN_GAP, MARGIN) + MARGIN, height=tallest + 2 * MARGIN)


def _levels(identifiers: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """By the longest path: everything stands one column right of the rightmost thing it needs."""
    needs: dict[str, list[str]] = {identifier: [] for identifier in identifiers}
    for needing, needed in edges:
        needs[needing].append(needed)
    level: dict[str, int] = {}
    for identifier in topological_order(needs):
        level[identifier] = 1 + max((level[needed] for needed in needs[identifier]), default=-1)
    return level


def _columns(level: Mapping[str, int], edges: Sequence[Edge]) -> list[list[_Item]]:
    """Boxes, and one lane for each needed box in each column that its lines pass: lines to one box share it."""
    columns: list[set[_Item]] = [set() for _ in range(max(level.values(), default=-1) + 1)]
    for name, column in level.items():
        columns[column].add((name, _BOX))
    for needing, needed in edges:
        for column in range(level[needed] + 1, level[needing]):
            columns[column].add((needed, column))
    return [sorted(column) for column in columns]


def _neighbours(level: Mapping[str, int], edges: Sequence[Edge]) -> dict[_Item, list[_Item]]:
    links: set[tuple[_Item, _Item]] = set()
    for edge in edges:
        chain = _chain(edge, level)
        links.update(pairwise(chain))
    found: dict[_Item, list[_Item]] = {}
    for first, second in sorted(links):
        found.setdefault(first, []).append(second)
        found.setdefault(second, []).append(first)
    return found


def _chain(edge: Edge, level: Mapping[str, int]) -> list[_Item]:
    needing, needed = edge
    lanes = [(needed, column) for column in range(level[needed] + 1, level[needing])]
    return [(needed, _BOX), *lanes, (needing, _BOX)]


def _ordered(columns: list[list[_Item]], neighbours: Mapping[_Item, Sequence[_Item]]) -> list[list[_Item]]:
    """Few crossings: each column in the order of its neighbours' middle, swept forth and back."""
    position = {item: row for column in columns for row, item in enumerate(column)}
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            middles = sorted((_middle(item, neighbours, position), item) for item in column)
            column[:] = [item for _, item in middles]
            position.update({item: row for row, item in enumerate(column)})
    return columns


def _middle(item: _Item, neighbours: Mapping[_Item, Sequence[_Item]], position: Mapping[_Item, int]) -> float:
    near = neighbours.get(item, ())
    return sum(position[other] for other in near) / len(near) if near else float(position[item])


def _height(column: Sequence[_Item]) -> float:
    return sum(_item_height(item) for item in column) - ROW_GAP if column else 0.0


def _item_height(item: _Item) -> float:
    return float(BOX_HEIGHT if item[1] == _BOX else LANE_HEIGHT) + ROW_GAP


def _route(
    edge: Edge,
    level: Mapping[str, int],
    boxes: Mapping[str, Box],
    lanes: Mapping[_Item, float],
    lefts: Sequence[float],
    rights: Sequence[float],
) -> tuple[tuple[float, float], ...]:
    start, end = boxes[edge[1]], boxes[edge[0]]
    points = [(start.x + start.width, start.middle), (rights[level[edge[1]]], start.middle)]
    for item in _chain(edge, level)[1:-1]:
        points += [(lefts[item[1]], lanes[item]), (rights[item[1]], lanes[item])]
    return (*points, (end.x, end.middle))
