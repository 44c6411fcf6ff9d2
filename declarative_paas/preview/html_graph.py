"""The dependency graph of the HTML preview: one drawing of all apps, and one of each app's own resources.

Laid out here, drawn by the page: two thousand boxes at once are no picture, a few at a time are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from declarative_paas.core.graph import CycleError
from declarative_paas.preview.graph import Graph, Node
from declarative_paas.preview.layout import BOX_HEIGHT, MARGIN, ROW_GAP, Box, Edge, Layout, lay_out
from declarative_paas.preview.model import AppView, Preview
from declarative_paas.preview.svg import box_width, curve
from declarative_paas.preview.values import printable

ALL: Final = ""
"""The key of the drawing in which each app is one box."""

EVERYTHING: Final = "*"
"""The key of the drawing with every resource of every app: only for a plan small enough to read so."""

_READABLE: Final = 60
_MOST: Final = 150
_GRID_WIDTH: Final = 1_400.0
_GRID_GAP: Final = 16.0


def graph_data(preview: Preview) -> dict[str, Any]:
    """Views by key; a node is [label, action, x, y, width, its app if it stands for one, its resource's key]."""
    deeds = {change.key: change.deed for change in preview.changes}
    graph = replace(
        preview.graph,
        nodes=tuple(replace(node, action=deeds.get(printable(node.id), node.action)) for node in preview.graph.nodes),
    )
    own: dict[str, list[Node]] = {}
    for node in graph.nodes:
        own.setdefault(node.group, []).append(node)
    edges_of: dict[str, list[Edge]] = {}
    group = {node.id: node.group for node in graph.nodes}
    for edge in graph.edges:
        for app in {group[edge[0]], group[edge[1]]}:
            edges_of.setdefault(app, []).append(edge)
    views: dict[str, Any] = {}
    if len(own) > 1:
        views[ALL] = _overview(preview.apps, own, group, graph.edges)
        if len(graph.nodes) <= _READABLE:
            views[EVERYTHING] = _everything(graph)
    for app in sorted(own):
        views[printable(app)] = _one_app(app, own[app], group, edges_of.get(app, ()))
    return views


def _overview(
    apps: Sequence[AppView], own: Mapping[str, Sequence[Node]], group: Mapping[str, str], edges: Sequence[Edge]
) -> dict[str, Any]:
    counts = {app.name: app.counts for app in apps}
    between = sorted({(group[a], group[b]) for a, b in edges if group[a] != group[b]})
    labels = {name: f"{printable(name)} ({len(own[name])})" for name in own}
    nodes = {
        name: [labels[name], _main_action(counts.get(printable(name), {})), printable(name), ""] for name in sorted(own)
    }
    return _view(nodes, between, grid=True)


def _everything(graph: Graph) -> dict[str, Any]:
    nodes = {node.id: [printable(node.id), node.action, "", printable(node.id)] for node in graph.nodes}
    return _view(nodes, graph.edges)


def _one_app(app: str, mine: Sequence[Node], group: Mapping[str, str], edges: Sequence[Edge]) -> dict[str, Any]:
    """Its resources, and a box for each other app that has to do with them; types of them where they are too many."""
    if len(mine) > _MOST:
        return _types(mine, edges)
    nodes = {node.id: [printable(node.id), node.action, "", printable(node.id)] for node in mine}
    drawn: set[Edge] = set()
    for needing, needed in edges:
        ends = [
            end if group[end] == app else f"app\0{group[end]}\0{'in' if end == needed else 'out'}"
            for end in (needing, needed)
        ]
        for end, name in zip((needing, needed), ends, strict=True):
            if group[end] != app:
                other = printable(group[end])
                nodes[name] = [f"app {other}", "", other, ""]
        drawn.add((ends[0], ends[1]))
    return _view(nodes, sorted(drawn))


def _types(mine: Sequence[Node], edges: Sequence[Edge]) -> dict[str, Any]:
    """A box a type and action: `create domain (95)`."""
    folded = {node.id: f"{node.action} {node.id.partition('.')[0]}" for node in mine}
    counts = Counter(folded.values())
    actions = {folded[node.id]: node.action for node in mine}
    nodes = {name: [f"{printable(name)} ({counts[name]})", actions[name], "", ""] for name in sorted(counts)}
    ends = {(folded.get(needing, ""), folded.get(needed, "")) for needing, needed in edges}
    return _view(nodes, sorted((a, b) for a, b in ends if a and b and a != b))


def _main_action(counts: Mapping[str, int]) -> str:
    """The most destructive one: its colour is what a reviewer looks for."""
    return next((deed for deed in ("delete", "replace", "move", "update", "create", "forget") if counts.get(deed)), "")


def _without_circles(edges: Sequence[Edge]) -> list[Edge]:
    """The edges that keep what is drawn free of circles, first come, first served."""
    needs: dict[str, set[str]] = {}
    kept: list[Edge] = []
    for needing, needed in edges:
        if not _reaches(needs, needed, needing):
            needs.setdefault(needing, set()).add(needed)
            kept.append((needing, needed))
    return kept


def _reaches(needs: Mapping[str, set[str]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            waiting.extend(needs.get(here, ()))
    return False


def _view(nodes: Mapping[str, list[str]], edges: Sequence[Edge], *, grid: bool = False) -> dict[str, Any]:
    linked = {end for edge in edges for end in edge}
    apart = [name for name in nodes if name not in linked] if grid else []
    widths = {name: box_width(node[0]) for name, node in nodes.items() if name not in apart}
    try:
        layout = lay_out(widths, edges)
    except CycleError:  # boxes of apps, or of types, may need parts of each other
        edges = _without_circles(edges)
        layout = lay_out(widths, edges)
    boxes = {**layout.boxes, **dict(_grid(apart, nodes, layout))}
    index = {name: number for number, name in enumerate(nodes)}
    return {
        "nodes": [_node(nodes[name], boxes[name]) for name in nodes],
        "edges": [
            [index[needing], index[needed], curve(route)]
            for (needing, needed), route in zip(edges, layout.routes, strict=True)
        ],
        "width": round(max((box.x + box.width for box in boxes.values()), default=0.0) + MARGIN),
        "height": round(max((box.y + BOX_HEIGHT for box in boxes.values()), default=0.0) + MARGIN),
    }


def _node(node: Sequence[str], box: Box) -> list[Any]:
    label, action, app, key = node
    return [label, action, round(box.x, 1), round(box.y, 1), round(box.width, 1), app, key]


def _grid(apart: Sequence[str], nodes: Mapping[str, list[str]], layout: Layout) -> Iterator[tuple[str, Box]]:
    """What nothing is linked to stands in rows below the rest, not in one endless column."""
    x, y = float(MARGIN), layout.height if layout.boxes else float(MARGIN)
    for name in apart:
        width = box_width(nodes[name][0])
        if x > MARGIN and x + width > _GRID_WIDTH:
            x, y = float(MARGIN), y + BOX_HEIGHT + ROW_GAP
        yield name, Box(x=x, y=y, width=width)
        x += width + _GRID_GAP
