"""Plans as text for a stream."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from declarative_paas.cli.terminal import wants_colour, width_of

if TYPE_CHECKING:
    from declarative_paas.cli.inputs import ManifestInputs
    from declarative_paas.core.plan import Plan
    from declarative_paas.workflow.deploy import Planned


def plan_text(plan: Plan, stream: TextIO, *, verbose: bool, no_color: bool) -> str:
    """The preview, as wide and as coloured as the stream can show it."""
    from declarative_paas.preview.text import render_text

    return render_text(
        plan, colour=wants_colour(stream, no_color=no_color), width=width_of(stream), verbose=verbose
    ).rstrip("\n")


def print_unapplied(inputs: ManifestInputs, planned: Planned, *, verbose: bool) -> None:
    """The plan of an edited manifest, and what is to be said of it: it is reviewed before it is applied."""
    assert planned.plan is not None, "a plan was made"
    print(plan_text(planned.plan, sys.stdout, verbose=verbose, no_color=inputs.no_color), flush=True)
    inputs.show(planned.diagnostics)
    print("\nNothing is applied yet. `dpaas apply` does it, here or after a review of the manifest.")
