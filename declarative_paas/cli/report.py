"""Diagnostics, as people, JSON readers and GitHub want them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NoReturn, TextIO

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.terminal import safe, wants_colour
from declarative_paas.core.diagnostic import Diagnostic, Severity, error

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}
_GITHUB_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


class DiagnosticFormat(StrEnum):
    """`--diagnostics`."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def show(
    diagnostics: Sequence[Diagnostic],
    *,
    no_color: bool = False,
    form: DiagnosticFormat = DiagnosticFormat.TEXT,
    stream: TextIO | None = None,
) -> None:
    """Prints them all, and their number last. To stderr unless a command's result is the diagnostics."""
    out: TextIO = stream or sys.stderr
    match form:
        case DiagnosticFormat.JSON:
            print(json.dumps(as_json(diagnostics), indent=2), file=out)
        case DiagnosticFormat.GITHUB:
            for diagnostic in _worst_first(diagnostics):
                print(as_annotation(diagnostic), file=out)
        case DiagnosticFormat.TEXT:
            colour = wants_colour(out, no_color=no_color)
            for diagnostic in diagnostics:
                print(as_text(diagnostic, colour=colour), file=out)
            if diagnostics:
                print(counts(diagnostics), file=out)


def fail(*diagnostics: Diagnostic, no_color: bool = False) -> NoReturn:
    """Shows the mistakes and ends the command: exit 1, nothing changed."""
    show(diagnostics, no_color=no_color)
    raise typer.Exit(exitcode.FAILED)


def refuse(code: str, summary: str, *, expected: str | None = None, suggestion: str | None = None) -> NoReturn:
    """Ends the command with one mistake that is in no file."""
    fail(error(code, summary, expected=expected, suggestion=suggestion))


def as_text(diagnostic: Diagnostic, *, colour: bool) -> str:
    """`file:line:column: error: …`, the severity coloured."""
    text = safe(str(diagnostic))
    word = f"{diagnostic.severity.value}:"
    return text.replace(word, f"\x1b[1;{_COLOURS[diagnostic.severity]}m{word}\x1b[0m", 1) if colour else text


def counts(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    found = [diagnostic.severity for diagnostic in diagnostics]
    numbers = [(severity.value, found.count(severity)) for severity in Severity]
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for word, number in numbers if number)


def as_json(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """One document: how many of each severity, and every diagnostic."""
    return {
        "format": 1,
        "errors": sum(item.severity is Severity.ERROR for item in diagnostics),
        "warnings": sum(item.severity is Severity.WARNING for item in diagnostics),
        "diagnostics": [_entry(item) for item in diagnostics],
    }


def _entry(diagnostic: Diagnostic) -> dict[str, Any]:
    position = diagnostic.position
    fields: dict[str, Any] = {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "file": None if position is None else position.file,
        "line": None if position is None else position.line,
        "column": None if position is None else position.column,
        "address": diagnostic.address,
        "expected": diagnostic.expected,
        "suggestion": diagnostic.suggestion,
        "detail": diagnostic.detail,
    }
    return {key: value for key, value in fields.items() if value is not None}


def as_annotation(diagnostic: Diagnostic) -> str:
    """A workflow command of GitHub Actions: it shows the mistake beside the line it is on."""
    properties = {"title": diagnostic.code}
    if diagnostic.position is not None:
        file, line, column = diagnostic.position.file, diagnostic.position.line, diagnostic.position.column
        properties = {"file": file, "line": str(line), "col": str(column), **properties}
    lines = [diagnostic.summary]
    lines += [f"expected: {diagnostic.expected}"] if diagnostic.expected else []
    lines += [f"did you mean: {diagnostic.suggestion}"] if diagnostic.suggestion else []
    lines += [diagnostic.detail] if diagnostic.detail else []
    written = ",".join(f"{key}={_escaped_property(value)}" for key, value in properties.items())
    return f"::{_GITHUB_LEVELS[diagnostic.severity]} {written}::{_escaped(chr(10).join(lines))}"


def _worst_first(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """GitHub shows ten annotations a step: the errors must be among them."""
    order = list(Severity)
    return sorted(diagnostics, key=lambda item: order.index(item.severity))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
