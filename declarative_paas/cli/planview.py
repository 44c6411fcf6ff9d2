"""Plans and graphs as text for a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from declarative_paas.cli.terminal import wants_colour, width_of

if TYPE_CHECKING:
    from declarative_paas.core.plan import Plan


def plan_text(plan: Plan, stream: TextIO, *, verbose: bool, no_color: bool) -> str:
    """The preview, as wide and as coloured as the stream can show it."""
    from declarative_paas.preview.text import render_text

    return render_text(
        plan, colour=wants_colour(stream, no_color=no_color), width=width_of(stream), verbose=verbose
    ).rstrip("\n")
