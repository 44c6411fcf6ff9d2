"""What stands at the other end of our streams: a person's terminal or something else."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final, TextIO

PLAIN_WIDTH: Final = 100
"""Columns for output that goes to no terminal."""


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads (or writes) this stream directly."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def wants_colour(stream: TextIO, *, no_color: bool) -> bool:
    """Colour only for a terminal that has it and a person who did not decline it (https://no-color.org)."""
    declined = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return not declined and is_terminal(stream)


def width_of(stream: TextIO) -> int:
    """Columns of the terminal, or a fixed number."""
    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if is_terminal(stream) else PLAIN_WIDTH


def safe(text: str) -> str:
    """Text that others wrote (a manifest, a build, a crashed dyno), unable to steer the terminal; lines stay lines."""
    from declarative_paas.preview.values import printable

    return "\n".join(printable(line.expandtabs()) for line in text.split("\n"))


def can_ask() -> bool:
    """Whether a person is there to answer: both the question and the answer go over a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def ask(question: str) -> str:
    """The answer, stripped; empty at the end of the input. The question goes to stderr: stdout is for results."""
    sys.stdout.flush()
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
