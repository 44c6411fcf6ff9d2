"""What the documents show, as data: sessions of commands with the output they promise, links, headings.

The convention is told in `test_docs.py`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_FENCE = re.compile(r"^```(\w*)\s*$")
_DIRECTIVE = re.compile(r"^<!-- (project|file|outside): (.+?) -->\s*$")
_EXIT = re.compile(r"\s+# exit (\d+)$")
ELISION = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """`<!-- project: NAME on PROVIDER -->`: what follows happens in a fresh directory."""

    line: int
    name: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """`<!-- file: PATH -->`: the next block is that file's content."""

    line: int
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """`<!-- outside: METHOD ARGUMENT… -->`: what happens to the memory platform behind the engine's back."""

    line: int
    method: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`$ COMMAND  # exit N`, and the lines it shows; None: the document shows no output."""

    line: int
    text: str
    exit_code: int
    output: str | None


Event: TypeAlias = NewProject | WrittenFile | Outside | Command


def events(document: Path) -> Iterator[Event]:
    """Everything of the document that is done, in order. Raises ValueError on a broken convention."""
    lines = document.read_text(encoding="utf-8").splitlines()
    number = 0
    pending: tuple[int, str] | None = None
    while number < len(lines):
        directive = _DIRECTIVE.match(lines[number])
        fence = _FENCE.match(lines[number])
        if directive is not None:
            match directive[1]:
                case "project":
                    name, _, provider = directive[2].partition(" on ")
                    yield NewProject(line=number + 1, name=name, provider=provider or "local")
                case "outside":
                    method, *arguments = shlex.split(directive[2])
                    yield Outside(line=number + 1, method=method, arguments=tuple(arguments))
                case _:
                    pending = (number + 1, directive[2])
        elif fence is not None:
            end = _end_of_block(document, lines, number)
            block = lines[number + 1 : end]
            if pending is not None:
                yield WrittenFile(line=pending[0], path=pending[1], text="\n".join(block) + "\n")
                pending = None
            elif fence[1] == "console":
                yield from _commands(document, block, number + 2)
            number = end
        number += 1
    if pending is not None:
        raise ValueError(f"{document.name}:{pending[0]}: no block follows for the file {pending[1]}")


def _end_of_block(document: Path, lines: Sequence[str], start: int) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].rstrip() == "```":
            return number
    raise ValueError(f"{document.name}:{start + 1}: a block that is never closed")


def _commands(document: Path, block: Sequence[str], first_line: int) -> Iterator[Command]:
    starts = [index for index, line in enumerate(block) if line.startswith("$ ")]
    if not starts or starts[0] != 0:
        raise ValueError(f"{document.name}:{first_line}: a console block begins with `$ COMMAND`")
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        text = block[start].removeprefix("$ ")
        expected = _EXIT.search(text)
        shown = "\n".join(block[start + 1 : end]).strip("\n")
        yield Command(
            line=first_line + start,
            text=_EXIT.sub("", text),
            exit_code=int(expected[1]) if expected else 0,
            output=shown or None,
        )


def matches(shown: str, printed: str) -> bool:
    """Whether the output is what the document shows: `…` on a line of its own stands for any lines, else for
    any text within its line. Spaces at the ends of lines do not count."""
    pattern = "".join(_line_pattern(line) for line in _tidy(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _tidy(printed))) is not None


def _line_pattern(line: str) -> str:
    if line.strip() == ELISION:
        return r"(?:[^\n]*\n)*?"
    return r"[^\n]*".join(re.escape(part) for part in line.split(ELISION)) + r"\n"


def _tidy(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def prose(document: Path) -> str:
    """The document without its code blocks."""
    kept: list[str] = []
    inside = False
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def links(document: Path) -> list[str]:
    """The targets of the document's relative links: `PATH`, `PATH#HEADING`, `#HEADING`."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(document)))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(document: Path) -> set[str]:
    """The document's headings as GitHub names them in links."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def table(document: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head, backquotes removed."""
    text = prose(document)
    start = text.index(f"# {heading}\n")
    rows: list[list[str]] = []
    for line in text[start:].splitlines()[1:]:
        if line.startswith("|"):
            rows.append([cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")])
        elif rows:
            break
    return rows[2:]
