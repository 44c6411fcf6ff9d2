"""`dpaas fmt`: a manifest's canonical form. Pure; never changes what a manifest says, never loses a comment.

Two spaces a level, lists indented under their key, one space after `:` and `-`; `apiVersion`, `kind`,
`metadata`, `spec` first and in this order; no space at a line's end, at most one empty line in a row, exactly
one newline at the end. What stands inside a value, and how it is quoted or folded, stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from declarative_paas.core.diagnostic import Diagnostic, Position, error, has_errors
from declarative_paas.manifest.nodes import MappingNode, Node, Scalar, SequenceNode
from declarative_paas.manifest.yaml_layout import Layout, lay_out, reindent
from declarative_paas.manifest.yaml_text import parse_yaml

KEY_ORDER: Final = ("apiVersion", "kind", "metadata", "spec")
_OTHER_LINE_BREAKS: Final = "\x85\u2028\u2029"

Diagnostics: TypeAlias = tuple[Diagnostic, ...]


def format_text(text: str, file: str = "") -> str | Diagnostics:
    """The canonical text; or the errors that keep the text from being read (then nothing is to be written)."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    before = parse_yaml(text, file)
    if has_errors(before.diagnostics):
        return before.diagnostics
    if any(character in text for character in _OTHER_LINE_BREAKS):
        return (
            error("cannot-format", "this file has line breaks of a rare kind (U+0085, U+2028)", Position(file, 1, 1)),
        )
    indented = "\n".join(reindent(lay_out(text)))
    if _says_the_same(text, before.documents, indented):
        tidied = _tidied(indented)
        for candidate in (_tidied(_reordered(tidied)), tidied):
            if _says_the_same(text, before.documents, candidate):
                return candidate
    return (error("cannot-format", "this file's layout is too unusual to format safely", Position(file, 1, 1)),)


def _says_the_same(text: str, documents: tuple[Node, ...], candidate: str) -> bool:
    """The last guard: whatever the layout did, data and comments are what they were."""
    after = parse_yaml(candidate, "")
    if after.diagnostics or len(after.documents) != len(documents):
        return False
    if any(_data(one) != _data(two) for one, two in zip(documents, after.documents, strict=True)):
        return False
    return comments_of(text) == comments_of(candidate)


def _data(node: Node) -> object:
    """The data in a comparable form, keys in any order. Types are told apart: to Python 1 equals true."""
    match node:
        case Scalar():
            return type(node.value).__name__, node.text
        case MappingNode():
            return {key: _data(below) for key, below in node.entries.items()}
        case SequenceNode():
            return [_data(item) for item in node.items]
        case _:
            assert_never(node)


def comments_of(text: str) -> list[str]:
    """Every comment of a text, sorted, without the space around it."""
    layout = lay_out(text)
    return sorted(layout.lines[line][column:].strip() for line, column in layout.comments.items())


@dataclass(frozen=True, slots=True)
class _Part:
    """The lines of one top-level key, with the comments above it."""

    key: str
    first: int
    after: int


def _reordered(text: str) -> str:
    layout = lay_out(text)
    lines = list(layout.lines)
    borders = sorted(layout.document_lines | {len(lines)})
    start = 0
    for border in borders:
        keys = [(line, key) for line, key in layout.root_keys if start <= line < border]
        # An alias must stay behind its anchor: such a document keeps its order.
        has_alias = any(start <= line < border for line in layout.aliases)
        if keys and not has_alias:
            end = _without_empty_lines(layout, border)
            parts = _parts(layout, keys, end)
            ordered = sorted(parts, key=lambda part: _rank(part.key))
            lines[parts[0].first : end] = [line for part in ordered for line in layout.lines[part.first : part.after]]
        start = border
    return "\n".join(lines)


def _rank(key: str) -> int:
    return KEY_ORDER.index(key) if key in KEY_ORDER else len(KEY_ORDER)


def _without_empty_lines(layout: Layout, border: int) -> int:
    """The border moved up: the empty lines at a document's end stay there."""
    while not layout.lines[border - 1] and border - 1 not in layout.inside:
        border -= 1
    return border


def _parts(layout: Layout, keys: list[tuple[int, str]], end: int) -> list[_Part]:
    """Comments above the document's first key stay where they are: they speak of the whole document."""
    firsts = [keys[0][0]] + [_with_comments_above(layout, line, keys[i][0]) for i, (line, _) in enumerate(keys[1:])]
    return [_Part(key, first, after) for (_, key), first, after in zip(keys, firsts, [*firsts[1:], end], strict=True)]


def _with_comments_above(layout: Layout, line: int, previous: int) -> int:
    """The first line of the comments that stand, unindented, directly above a key."""
    first = line
    while first - 1 > previous and layout.comments.get(first - 1) == 0:
        first -= 1
    return first


def _tidied(text: str) -> str:
    """At most one empty line in a row, none at the beginning, one newline at the end."""
    layout = lay_out(text)
    kept: list[str] = []
    end = max((n for n, line in enumerate(layout.lines) if line or n in layout.inside), default=-1) + 1
    for number, line in enumerate(layout.lines[:end]):
        is_repeated = not line and number not in layout.inside and (not kept or not kept[-1])
        if not is_repeated:
            kept.append(line)
    return "\n".join(kept) + ("\n" if kept and not layout.ends_open else "")
