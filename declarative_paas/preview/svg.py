"""A drawing of a dependency graph as one SVG document. No external program."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from declarative_paas.preview.layout import BOX_HEIGHT, Box, Edge, lay_out
from declarative_paas.preview.values import printable

CHARACTER_WIDTH: Final = 7.3
"""Of the 12 px monospace font the labels are set in."""

WIDE_CHARACTER_WIDTH: Final = 12.5
"""Of one that is not Latin, which may come from another font."""

_PADDING: Final = 10


def render_svg(nodes: Sequence[tuple[str, str, str]], edges: Sequence[Edge]) -> str:
    """Nodes are (id, label, fill colour); edges lead from what needs to what is needed. Raises CycleError."""
    labels = {identifier: printable(label) for identifier, label, _ in nodes}
    layout = lay_out({identifier: box_width(label) for identifier, label in labels.items()}, edges)
    size = f'width="{layout.width:.0f}" height="{layout.height:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" '
        'font-family="monospace" font-size="12">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#6c757d"/></marker></defs>',
        f'<rect {size} fill="#ffffff"/>',
    ]
    lines += [_edge(edge, route) for edge, route in zip(edges, layout.routes, strict=True)]
    lines += [_box(layout.boxes[identifier], labels[identifier], colour) for identifier, _, colour in nodes]
    return "\n".join([*lines, "</svg>"]) + "\n"


def box_width(label: str) -> float:
    """Of a box that holds this label, in pixels."""
    return sum(CHARACTER_WIDTH if ord(letter) < 0x250 else WIDE_CHARACTER_WIDTH for letter in label) + 2 * _PADDING


def curve(route: Sequence[tuple[float, float]]) -> str:
    """A curve through every gap, a level line through every column: so it never runs behind a box."""
    path = f"M{route[0][0]:.1f} {route[0][1]:.1f}"
    for index, (x, y) in enumerate(route[1:]):
        before_x, before_y = route[index]
        if index % 2 == 1:
            middle = (before_x + x) / 2
            path += f"C{middle:.1f} {before_y:.1f} {middle:.1f} {y:.1f} {x:.1f} {y:.1f}"
        else:
            path += f"L{x:.1f} {y:.1f}"
    return path


def _edge(edge: Edge, route: Sequence[tuple[float, float]]) -> str:
    needing, needed = edge
    title = f"<title>{escape(printable(needing))} needs {escape(printable(needed))}</title>"
    return f'<path d="{curve(route)}" fill="none" stroke="#6c757d" marker-end="url(#arrow)">{title}</path>'


def _box(box: Box, label: str, colour: str) -> str:
    return (
        f'<g><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{BOX_HEIGHT}" rx="5" '
        f'fill="{escape(colour)}" stroke="#adb5bd"/>'
        f'<text x="{box.x + _PADDING:.1f}" y="{box.y + 19:.1f}">{escape(label)}</text></g>'
    )
