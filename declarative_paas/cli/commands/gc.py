"""`dpaas gc`: what no app needs any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.reaching import reaches

if TYPE_CHECKING:
    from declarative_paas.core.provider import Reach
    from declarative_paas.workflow.clearing import RegionLeftovers

app = command_group()


@app.command("gc")
@reads_manifests
def gc(
    inputs: ManifestInputs,
    region: Annotated[
        str | None, typer.Option("--region", metavar="NAME", help="Of one region only. Default: of all.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove it. Default: only show it.")] = False,
) -> None:
    """Show, or remove, what the regions hold and no app needs any more: old slugs, unfinished builds, lost volumes.

    Add-ons' data that is recorded is never among it. Takes the locks of all environments: nobody may apply meanwhile.

    Example: dpaas gc --prune
    """
    from declarative_paas.core.diagnostic import error
    from declarative_paas.workflow.clearing import clear_leftovers, find_leftovers, nobody_applies

    with inputs.world() as world, nobody_applies(world):
        found_reaches = reaches(world)
        if region is not None:
            found_reaches = {region: _only(found_reaches, region)}
        found = find_leftovers(found_reaches)
        problems = [(item.region, item.problem) for item in found if item.problem is not None]
        print(_text(found))
        if prune:
            problems += clear_leftovers(found_reaches, [item for item in found if item.items])
            removed = sum(len(item.items) for item in found) - len(problems)
            print(f"Removed: {max(0, removed)}.")
    if problems:
        inputs.show([error("not-cleared", f"region {name}: {problem}") for name, problem in problems])
        raise typer.Exit(exitcode.FAILED)


def _only(found: Mapping[str, Reach], region: str) -> Reach:
    from declarative_paas.core.diagnostic import error

    if region not in found:
        known = ", ".join(sorted(found)) or "no region has anything to remove"
        report.fail(error("unknown-region", f"there is no region {region} to look into", expected=known))
    return found[region]


def _text(found: Sequence[RegionLeftovers]) -> str:
    rows = [
        [region.region, item.kind, item.name, _size(item.size_bytes), item.why]
        for region in found
        for item in region.items
    ]
    return columns(["region", "kind", "name", "size", "why"], rows) if rows else "Nothing is left over."


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MB" if size_bytes else ""
