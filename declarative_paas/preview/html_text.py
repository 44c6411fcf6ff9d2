"""Untrusted text in HTML: escaped, and kept from turning around what stands beside it."""

from __future__ import annotations

import re
from html import escape
from typing import Final
from urllib.parse import quote

from declarative_paas.core.diagnostic import Position
from declarative_paas.preview.findings import relative_path
from declarative_paas.preview.values import printable

_QUOTED: Final = re.compile(r"`([^`]+)`")


def code(text: str) -> str:
    """In a fixed-width font; the style isolates its direction."""
    return f"<code>{escape(printable(text))}</code>"


def prose(text: str) -> str:
    """A sentence of ours: what it quotes between backticks as code."""
    pieces = _QUOTED.split(printable(text))
    return "".join(code(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces))


def option(value: str, text: str) -> str:
    """One choice of a list."""
    return f'<option value="{escape(value)}">{escape(text)}</option>'


def where(position: Position | None, link_base: str | None) -> str:
    """`manifest.yaml:42`, a link if it is known where the file can be read; empty for no position."""
    if position is None:
        return ""
    shown = code(f"{position.file}:{position.line}")
    path = relative_path(position.file)
    if link_base is None or path is None or not link_base.startswith(("https://", "http://")):
        return shown
    address = f"{link_base.rstrip('/')}/{quote(path, errors='replace')}#L{position.line}"
    return f'<a href="{escape(address)}" rel="noreferrer">{shown}</a>'
