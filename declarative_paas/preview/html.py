"""A plan as one HTML file that needs nothing else: no network, no other file, no permission beyond its own script.

The changes stand in the document itself, so it can be read, searched and printed without its script; the script adds
filters and draws the graph. A content policy names the digests of the page's own style and script: nothing that a
manifest smuggled in could run, even were it not escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import Any, Final

from declarative_paas.preview.html_changes import app_block
from declarative_paas.preview.html_facts import facts
from declarative_paas.preview.html_graph import ALL, EVERYTHING, graph_data
from declarative_paas.preview.html_text import code, option
from declarative_paas.preview.model import Preview
from declarative_paas.preview.remarks import PLATFORM_S_OWN
from declarative_paas.preview.values import printable

_OPEN_UP_TO: Final = 60
"""Changes of a plan whose apps stand open at once: more than that are folded, so that the page is quick."""

_GRAPH_HELP: Final = (
    "An arrow leads from what is needed to what needs it. Drag to move, Ctrl and wheel to zoom; with the keyboard: "
    "arrows from box to box, Enter to choose, + and - to zoom, 0 to see all, Escape."
)


def render_html(preview: Preview) -> str:
    """The whole document."""
    return "\n".join([*_document(preview)]) + "\n"


def _document(preview: Preview) -> Iterator[str]:
    style, script = _part("style"), _part("script")
    views = graph_data(preview)
    title = escape(printable(f"{preview.plan.scope}: {preview.verdict_text}"))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title>"
    yield f"{style}\n</head>\n<body>"
    yield '<a class="skip" href="#changes">Skip to the changes</a>'
    yield from _header(preview)
    yield "<main>"
    yield from facts(preview)
    yield from _changes(preview)
    yield from _graph(views)
    yield "</main>"
    yield from _footer(preview)
    # Only `<` could end the element or open a comment; JSON can write it otherwise.
    data = json.dumps(views, separators=(",", ":")).replace("<", "\\u003c")
    yield f'<script type="application/json" id="graph-data">{data}</script>'
    yield f"{script}\n</body>\n</html>"


@cache
def _part(name: str) -> str:
    """An element of the page with its tags, as packaged."""
    return resources.files("declarative_paas.preview").joinpath("page", f"{name}.html").read_text("utf-8").strip()


def _digest(element: str) -> str:
    """Of an element's content, as a content policy names it."""
    content = element[element.index(">") + 1 : element.rindex("</")]
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _header(preview: Preview) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{escape(preview.verdict_text)}</h1>"
    yield f'<p>{code(str(preview.plan.scope))} <span class="standing">{escape(preview.standing)}</span></p>'
    for remark in preview.remarks:
        yield f'<p class="dim">{escape(remark)}</p>'
    yield "</header>"


def _changes(preview: Preview) -> Iterator[str]:
    count = len(preview.changes)
    yield f'<section aria-labelledby="changes"><h2 id="changes" tabindex="-1">Changes ({count})</h2>'
    yield from _filters(preview)
    yield f'<p role="status" id="count">Showing all {count} changes.</p>'
    number = 0
    for app in preview.apps:
        yield from app_block(app, preview.origin.link_base, first=number, is_open=count <= _OPEN_UP_TO)
        number += len(app.changes)
    yield "</section>"


def _filters(preview: Preview) -> Iterator[str]:
    changes = preview.changes
    regions = {region for change in changes for region in (change.region, change.prior_region) if region}
    regions -= PLATFORM_S_OWN
    risks = {risk.kind.value for change in changes for risk in change.risks}
    yield '<form id="filters" role="search" aria-label="Filter the changes" hidden>'
    yield '<div><label for="q">Search</label><input id="q" type="search" autocomplete="off"></div>'
    for name, label, values in (
        ("app", "App", sorted(app.name for app in preview.apps)),
        ("region", "Region", sorted(regions)),
        ("action", "Action", sorted({change.deed for change in changes})),
        ("risk", "Risk", sorted(risks)),
    ):
        yield f'<div><label for="{name}">{label}</label><select id="{name}">{_options("all", values)}</select></div>'
    yield '<div><button type="button" id="clear">Clear</button></div>'
    yield '<div><button type="button" id="open-all">Fold or unfold all</button></div>'
    yield "</form>"
    yield "<noscript><p>Filters and the graph need JavaScript; everything else is here without.</p></noscript>"


def _options(every: str, values: Iterable[str]) -> str:
    return "".join([option("", every), *(option(value, value) for value in values)])


def _graph(views: Mapping[str, Any]) -> Iterator[str]:
    if not views:
        return
    names = {ALL: "All apps, one box each", EVERYTHING: "Every resource"}
    yield '<section id="graph" aria-labelledby="graph-title"><h2 id="graph-title">Graph</h2>'
    yield f'<p id="graph-help">{_GRAPH_HELP}</p>'
    yield '<div class="tools"><div><label for="view">What is drawn</label><select id="view">'
    yield "".join(option(key, names.get(key, key)) for key in views)
    yield "</select></div>"
    for identifier, label, text in (
        ("all-apps", "", "All apps"),
        ("zoom-in", "Zoom in", "+"),
        ("zoom-out", "Zoom out", "−"),
        ("zoom-fit", "", "Fit"),
    ):
        spoken = f' aria-label="{label}"' if label else ""
        yield f'<button type="button" id="{identifier}"{spoken}>{text}</button>'
    yield "</div>"
    yield '<svg id="drawing" role="group" aria-labelledby="graph-title" aria-describedby="graph-help"></svg>'
    yield '<p role="status" id="node"></p><div class="tools"><button type="button" id="to-change" hidden>'
    yield "Show its change</button></div></section>"


def _footer(preview: Preview) -> Iterator[str]:
    plan, origin = preview.plan, preview.origin
    yield "<footer>"
    if preview.next_commands:
        yield "<h2>Next</h2>"
        yield f"<pre>{escape(chr(10).join(preview.next_commands))}</pre>"
    told = [("plan", preview.digest), ("state serial", str(plan.serial)), ("base", origin.base), ("head", origin.head)]
    told += [("dpaas", plan.tool_version), ("catalog", plan.catalog_digest)]
    yield f'<p class="dim">{" · ".join(f"{name} {code(value)}" for name, value in told if value)}</p>'
    yield "</footer>"
