"""How a YAML text is laid out in lines, and the same text with canonical indentation.

Works on the scanner's tokens and moves whole lines: a value's own lines shift together, so no value changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

INDENT: Final = 2
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FLOW_STARTS: Final = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_FLOW_ENDS: Final = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_DOCUMENT_MARKS: Final = (yaml.DocumentStartToken, yaml.DocumentEndToken, yaml.DirectiveToken)
_BLOCK_HEADER: Final = re.compile(r"[|>][-+0-9]*")


@dataclass(slots=True)
class _Block:
    """An open block mapping or list: the column its entries have, and the one they get."""

    old: int
    new: int
    is_mapping: bool
    is_indentless: bool = False


@dataclass(slots=True)
class Layout:
    """What each line of a text is, found in one pass over its tokens. Lines are counted from 0."""

    lines: list[str]
    indentation: dict[int, int] = field(default_factory=dict[int, int])
    """The new column of each line's first token."""
    old_columns: dict[int, int] = field(default_factory=dict[int, int])
    shifts: dict[int, int] = field(default_factory=dict[int, int])
    """For lines inside a value that began on an earlier line: how far they move."""
    verbatim: set[int] = field(default_factory=set[int])
    """Lines whose end belongs to a value."""
    inside: set[int] = field(default_factory=set[int])
    """Lines that continue a value: an empty one among them is data."""
    ends_open: bool = False
    """The text ends inside a literal block, without a newline: one would be data."""
    edits: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])
    """Gaps (from, to) on a line that become one space."""
    comments: dict[int, int] = field(default_factory=dict[int, int])
    """Line -> column of its comment, for lines that have one."""
    candidates: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])
    """For the last line of each token: the (old, new) columns of the blocks open there, outermost first."""
    root_keys: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """(line, key) of every key of a document's own block mapping."""
    document_lines: set[int] = field(default_factory=set[int])
    """Lines that begin with ---, ... or a directive."""
    aliases: set[int] = field(default_factory=set[int])
    """Lines that hold an alias."""


def lay_out(text: str) -> Layout:
    """The layout of a text that is known to parse."""
    scan = _Scan(Layout(lines=text.split("\n")))
    for token in yaml.scan(text, Loader=_LOADER):
        scan.take(token)
    scan.find_comments()
    return scan.layout


class _Scan:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._stack: list[_Block] = []
        self._flow_depth = 0
        self._flow_from = 0
        self._last_line = -1
        self._gap_from: tuple[int, int] | None = None
        self._after_dash: int | None = None
        self._wants_root_key = False
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def take(self, token: Any) -> None:
        line, column = token.start_mark.line, token.start_mark.column
        match token:
            case yaml.StreamStartToken() | yaml.StreamEndToken():
                return
            case yaml.BlockEndToken():
                self._close_indentless()
                self._stack.pop()
                return
            case yaml.BlockMappingStartToken() | yaml.BlockSequenceStartToken():
                self._begin_block(line, column, is_mapping=isinstance(token, yaml.BlockMappingStartToken))
                return
            case _:
                pass
        self._close_gap(line, column)
        if isinstance(token, _DOCUMENT_MARKS):
            self.layout.document_lines.add(line)
        elif self._flow_depth == 0 and isinstance(token, (yaml.KeyToken, yaml.BlockEntryToken, yaml.ValueToken)):
            self._structural(token, line, column)
        else:
            self._value_token(token, line, column)
        self._last_line = max(self._last_line, line)
        self.layout.candidates[self._last_line] = [(block.old, block.new) for block in self._stack]

    def _begin_block(self, line: int, column: int, *, is_mapping: bool) -> None:
        parent = self._stack[-1] if self._stack else None
        if parent is None:
            new = 0
        elif line == self._last_line and self._after_dash is not None:
            new = self._after_dash + INDENT
        else:
            new = parent.new + INDENT
        self._stack.append(_Block(column, new, is_mapping))

    def _close_indentless(self) -> None:
        if self._stack and self._stack[-1].is_indentless:
            self._stack.pop()

    def _structural(self, token: Any, line: int, column: int) -> None:
        layout, is_first = self.layout, line > self._last_line
        if isinstance(token, yaml.BlockEntryToken):
            if self._stack[-1].is_mapping:
                self._stack.append(_Block(column, self._stack[-1].new + INDENT, is_mapping=False, is_indentless=True))
        elif is_first or isinstance(token, yaml.KeyToken):
            self._close_indentless()
        block = self._stack[-1]
        if is_first:
            layout.indentation[line], layout.old_columns[line] = block.new, column
        if isinstance(token, yaml.KeyToken) and len(self._stack) == 1:
            self._wants_root_key = True
        is_dash = isinstance(token, yaml.BlockEntryToken)
        self._after_dash = block.new if is_dash else None
        if is_dash or isinstance(token, yaml.ValueToken):
            self._gap_from = (line, column + 1)

    def _value_token(self, token: Any, line: int, column: int) -> None:
        layout = self.layout
        shift = self._stack[-1].new - self._stack[-1].old if self._stack else 0
        if line > self._last_line:
            layout.shifts[line] = shift
        if self._wants_root_key and isinstance(token, yaml.ScalarToken):
            layout.root_keys.append((line, token.value))
            self._wants_root_key = False
        self._after_dash = None
        if isinstance(token, _FLOW_STARTS):
            self._flow_from = line if self._flow_depth == 0 else self._flow_from
            self._flow_depth += 1
        elif isinstance(token, _FLOW_ENDS):
            self._flow_depth -= 1
            if self._flow_depth == 0:
                # All lines of a flow collection move together, its comments too.
                layout.shifts.update(dict.fromkeys(range(self._flow_from + 1, line + 1), shift))
        if isinstance(token, yaml.AliasToken):
            layout.aliases.add(line)
        if isinstance(token, yaml.ScalarToken):
            self._scalar(token, line, column, shift)

    def _scalar(self, token: Any, line: int, column: int, shift: int) -> None:
        if token.style in ("|", ">"):
            last = self._block_scalar(token, line, column, shift)
        else:
            last = self._flow_scalar(line, column, token.end_mark, shift)
        self._last_line = max(self._last_line, last)

    def _flow_scalar(self, line: int, column: int, end: Any, shift: int) -> int:
        """A plain or quoted scalar, on one line or several. Returns its last line."""
        layout = self.layout
        last: int = end.line
        for number in range(line, last + 1):
            length = len(layout.lines[number])
            self._span(number, column if number == line else 0, end.column if number == last else length)
            if number > line:
                layout.shifts[number] = shift
                layout.inside.add(number)
            if number < last and layout.lines[number].strip():
                layout.verbatim.add(number)
        return last

    def _block_scalar(self, token: Any, line: int, column: int, shift: int) -> int:
        """A literal or folded scalar. Returns its last line: trailing empty ones are its own only with `+`."""
        layout, end = self.layout, token.end_mark
        header = _BLOCK_HEADER.match(layout.lines[line], column)
        indicators = header.group() if header else ""
        last: int = end.line - 1 if end.column == 0 else end.line
        content = [text for text in layout.lines[line + 1 : last + 1] if text.strip()]
        indent = len(content[0]) - len(content[0].lstrip(" ")) if content else 0
        while last > line and "+" not in indicators and _is_empty(layout.lines[last], indent):
            last -= 1
        self._span(line, column, column + len(indicators))
        if self._stack and content and not any(character.isdigit() for character in indicators):
            shift = self._stack[-1].new + INDENT - indent
        for number in range(line + 1, last + 1):
            text = layout.lines[number]
            layout.shifts[number] = shift
            layout.inside.add(number)
            self._span(number, 0, len(text))
            if not _is_empty(text, indent):
                layout.verbatim.add(number)
        layout.ends_open = last == len(layout.lines) - 1
        return last

    def _span(self, line: int, start: int, end: int) -> None:
        self._spans.setdefault(line, []).append((start, end))

    def _close_gap(self, line: int, column: int) -> None:
        if self._gap_from is not None:
            gap_line, start = self._gap_from
            if gap_line == line and column > start:
                self.layout.edits.setdefault(line, []).append((start, column))
            self._gap_from = None

    def find_comments(self) -> None:
        """A `#` is a comment at a line's start or after white space, outside every scalar."""
        for number, text in enumerate(self.layout.lines):
            spans = self._spans.get(number, ())
            for found in re.finditer(r"(?:^|(?<=[ \t]))#", text):
                if not any(start <= found.start() < end for start, end in spans):
                    self.layout.comments[number] = found.start()
                    break


def _is_empty(text: str, indent: int) -> bool:
    """Whether a line of a block scalar is empty: spaces beyond its indentation would be content."""
    return not text.strip(" ") and len(text) <= indent


def reindent(layout: Layout) -> list[str]:
    """The lines with two spaces a level, single spaces after `:` and `-`, no space at a line's end."""
    done: list[str] = []
    open_blocks: list[tuple[int, int]] = [(0, 0)]
    for number, line in enumerate(layout.lines):
        # A tab is no indentation: inside a block scalar it is data.
        body = line.lstrip(" ")
        old = len(line) - len(body)
        is_own_comment = layout.comments.get(number) == old and number not in layout.shifts
        if is_own_comment:
            column = _comment_column(layout, number, old, open_blocks)
        elif number in layout.indentation:
            column = layout.indentation[number]
            body = _with_single_spaces(line, layout.edits.get(number, ())).lstrip(" \t")
        else:
            column = max(0, old + layout.shifts.get(number, 0)) if number in layout.shifts else old
        open_blocks = layout.candidates.get(number, open_blocks)
        text = " " * column + body
        done.append(text if number in layout.verbatim else text.rstrip(" \t"))
    return done


def _with_single_spaces(line: str, gaps: Sequence[tuple[int, int]]) -> str:
    for start, end in reversed(gaps):
        line = f"{line[:start]} {line[end:]}"
    return line


def _comment_column(layout: Layout, number: int, column: int, open_blocks: list[tuple[int, int]]) -> int:
    """A comment goes with the line below it when they stand alike, else with the block it stands in."""
    following = next((below for below in range(number + 1, len(layout.lines)) if below in layout.indentation), None)
    candidates = list(open_blocks)
    if following is not None:
        beneath = (layout.old_columns[following], layout.indentation[following])
        if beneath[0] == column:
            return beneath[1]
        candidates.append(beneath)
    fitting = [pair for pair in candidates if pair[0] <= column]
    return max(fitting)[1] if fitting else 0
