"""What PyYAML found wrong -> a diagnostic that a person who does not know its grammar can act on."""

from __future__ import annotations

from typing import Final

import yaml

from declarative_paas.core.diagnostic import Diagnostic, Position, error

_HINTS: Final = (
    # (in PyYAML's problem, in its context, what is wrong, what would be right)
    (
        "mapping values are not allowed",
        "",
        "there is a second ': ' in this value, or this line is indented wrongly",
        "quotes around a value that contains ': '",
    ),
    (
        "cannot start any token",
        "",
        "this character cannot begin a value",
        "quotes around a value that begins with @, `, %",
    ),
    (
        "unexpected end of stream",
        "quoted scalar",
        "this quote is never closed",
        "the same quote at the end of the text",
    ),
    ("expected ',' or ']'", "", "the list that begins with '[' is not closed, or a comma is missing", "',' or ']'"),
    ("expected ',' or '}'", "", "the mapping that begins with '{' is not closed, or a comma is missing", "',' or '}'"),
    (
        "expected '-' indicator",
        "",
        "this line is no list item, but the lines before it are a list",
        "'- ' or another indentation",
    ),
    ("expected key", "", "this line's indentation does not fit the lines before it", "the indentation of a line above"),
    ("could not find expected ':'", "", "this line is no 'key: value'", "'key: value', with a space after the colon"),
    ("expected node content", "", "a value is missing here", "a value"),
)


def explain_syntax(problem: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """One diagnostic for the error at which PyYAML stopped reading `text`."""
    mark = getattr(problem, "problem_mark", None)
    if mark is None:
        return error("yaml-syntax", "this is not YAML", Position(file, 1, 1))
    tab = _tab_near(text, mark.line)
    if tab is not None:
        line, column = tab
        return error(
            "tab-indentation",
            "a tab indents this line; YAML allows spaces only",
            Position(file, line + 1, column + 1),
            expected="two spaces a level",
        )
    said, context = str(getattr(problem, "problem", "") or ""), str(getattr(problem, "context", "") or "")
    position = Position(file, mark.line + 1, mark.column + 1)
    detail = None
    opened = getattr(problem, "context_mark", None)
    if opened is not None and context.endswith("quoted scalar"):
        # The parser stops at the file's end; the mistake is where the quote opens.
        position = Position(file, opened.line + 1, opened.column + 1)
    elif opened is not None and context.endswith(("flow sequence", "flow mapping")):
        detail = f"it begins at line {opened.line + 1}, column {opened.column + 1}"
    for in_problem, in_context, wrong, right in _HINTS:
        if in_problem in said and in_context in context:
            return error("yaml-syntax", wrong, position, expected=right, detail=detail)
    return error("yaml-syntax", f"this is not valid YAML: {said or 'unreadable'}", position, detail=detail)


def _tab_near(text: str, line: int) -> tuple[int, int] | None:
    """The (line, column), 0-based, of a tab in the indentation of the line or of the one above it."""
    lines = text.split("\n")
    for number in (line, line - 1):
        if 0 <= number < len(lines):
            indentation = lines[number][: len(lines[number]) - len(lines[number].lstrip(" \t"))]
            if "\t" in indentation:
                return number, indentation.index("\t")
    return None
