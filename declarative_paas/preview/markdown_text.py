"""Untrusted text in Markdown: shown as it is, never as Markdown, HTML, a link, a mention or a command.

GitHub, GitLab and Gitea parse more than CommonMark: `@user`, `#123`, `www.x`, `:name:` and commit ids are live in
plain text, also where they are escaped. In code spans nothing is. So all that somebody else wrote stands in one;
of our own sentences only the plain words do not.
"""

from __future__ import annotations

import re
from html import escape
from itertools import groupby
from typing import Final
from urllib.parse import quote

from declarative_paas.core.diagnostic import Position
from declarative_paas.preview.findings import relative_path
from declarative_paas.preview.values import printable

LONGEST: Final = 600
"""Characters of one text in a comment."""

_WORD: Final = re.compile(
    r"\(?[A-Za-z][A-Za-z']{0,30}(?:-[a-z]{1,15})?\)?[,;:.]?|[+-]?\$?\d{1,3}(?:,?\d{3}){0,3}(?:\.\d\d?)?(?:/mo)?[,;:.]?"
    r"|[kMG]?B(?:/s)?[,;:.]?|[,;:.]"
)
"""Words and counts, with the punctuation of a sentence."""

_QUOTED: Final = re.compile(r"`([^`]+)`")
_RUNS: Final = re.compile("`+")
_MARKER: Final = re.compile(r"[^A-Za-z0-9_./]+")


def code(text: str) -> str:
    """A code span that holds the whole text, whatever backticks are in it."""
    shown = clipped(printable(text))
    if not shown.strip():
        return "(empty)"
    fence = "`" * (1 + max((len(run) for run in _RUNS.findall(shown)), default=0))
    pad = " " if shown[0] == "`" or shown[-1] == "`" or (shown[0] == shown[-1] == " ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str) -> str:
    """A code span in a table's cell: a bar would end the cell even there."""
    return code(text.replace("|", "¦"))


def prose(text: str) -> str:
    """A sentence of ours: its words as they are, everything that was filled in as code, and what it quotes as code."""
    told = ""
    for number, piece in enumerate(_QUOTED.split(clipped(printable(text)))):
        if piece.strip():
            shown = code(piece) if number % 2 else _words(piece)
            told += shown if not told or shown[0] in ",;:." else f" {shown}"
    return told


def _words(text: str) -> str:
    parts: list[str] = []
    for plain, words in groupby(text.split(), key=lambda word: word == "->" or _WORD.fullmatch(word) is not None):
        joined = " ".join(words)
        if plain:
            parts.append(joined.replace("->", "→"))
        else:
            # The sentence's own punctuation is no part of what was filled in.
            shown = joined.rstrip(",;:.")
            parts.append(f"{code(shown)}{joined[len(shown) :]}" if shown else code(joined))
    return " ".join(parts)


def html_code(text: str) -> str:
    """For HTML blocks, where Markdown's code spans are none."""
    return f"<code>{escape(clipped(printable(text)))}</code>"


def where(position: Position | None, link_base: str | None) -> str:
    """`manifest.yaml:42`, as a link if it is known where the file can be read; empty for no position."""
    if position is None:
        return ""
    shown = code(f"{position.file}:{position.line}")
    path = relative_path(position.file)
    if link_base is None or path is None:
        return shown
    return f"[{shown}](<{_url(link_base)}/{quote(path, errors='replace')}#L{position.line}>)"


def link(text: str, address: str | None) -> str:
    """One word of ours that leads to a web address; empty for any other."""
    safe = address is not None and address.startswith(("https://", "http://"))
    return f"[{text}](<{_url(address)}>)" if safe and address is not None else ""


def marker(scope: str) -> str:
    """The hidden line by which a later run finds its own comment: one a platform, environment and stack."""
    return f"<!-- dpaas preview: {_MARKER.sub('-', scope).strip('-')} -->"


def clipped(text: str, most: int = LONGEST) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _url(base: str) -> str:
    return quote(base.rstrip("/"), safe=":/?&=%@+,~", errors="replace")
