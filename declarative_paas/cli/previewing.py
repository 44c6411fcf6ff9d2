"""How `plan` and `preview` print a plan: which format, to where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.preview.formats import SUFFIXES, Format

if TYPE_CHECKING:
    from declarative_paas.cli.inputs import ManifestInputs
    from declarative_paas.preview.model import Preview
    from declarative_paas.workflow.deploy import Planned
    from declarative_paas.workflow.world import World

FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to show the plan; sarif, junit and gitlab are for CI servers.")
]


def format_of(form: Format | None, *, as_json: bool = False, out: Path | None = None) -> Format:
    """What was asked for, else what the file's name asks for, else text. Two different wishes end the command."""
    if as_json and form not in (None, Format.JSON):
        raise typer.BadParameter(f"--json and --format {form} ask for two formats")
    if as_json:
        return Format.JSON
    if form is not None:
        return form
    return Format.TEXT if out is None else SUFFIXES.get(out.suffix.lower(), Format.TEXT)


def print_planned(
    inputs: ManifestInputs, world: World, planned: Planned, form: Format | None, *, verbose: bool
) -> None:
    """The plan to stdout; without a format as wide and as coloured as a terminal can show it."""
    assert planned.plan is not None, "only a plan is printed"
    if form is None:
        from declarative_paas.cli.planview import plan_text

        print(plan_text(planned.plan, sys.stdout, verbose=verbose, no_color=inputs.no_color), flush=True)
        return
    from declarative_paas.workflow.previewing import preview_of

    write_preview(preview_of(world.project, planned), form, None)


def write_preview(preview: Preview, form: Format, out: Path | None) -> None:
    """To a file, which is then named on stdout, or to stdout. Raises OSError."""
    from declarative_paas.preview.formats import rendered

    # A lone surrogate in a manifest must not be what breaks the report of it.
    data = rendered(preview, form).encode("utf-8", errors="replace")
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        out.write_bytes(data)
        print(out)
