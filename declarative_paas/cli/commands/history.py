"""`dpaas history`: who applied what, and how it ended."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests

if TYPE_CHECKING:
    from declarative_paas.core.state import HistoryEntry

app = command_group()

_NAMED = 3
"""How many steps of unknown outcome are named; --json names all."""


@app.command("history")
@reads_manifests
def history(
    inputs: ManifestInputs, as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False
) -> None:
    """List every apply, destroy and rollback, newest first: when, by whom, how it ended, and what it did.

    Of one that was killed: what it had done, what was under way and may or may not have come about, and what it
    never began.

    Example: dpaas history --json
    """
    from declarative_paas.core.state import StateError
    from declarative_paas.workflow.lock import settle_history

    with inputs.world() as world:
        with suppress(StateError):  # who may only read still reads
            settle_history(world.store, world.project.scope)
        entries = world.store.history(world.project.scope)
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
        return
    if not entries:
        print("Nothing was applied yet.")
        return
    rows = [
        [
            entry.started_at,
            entry.actor,
            entry.command,
            entry.outcome,
            _steps(entry),
        ]
        for entry in entries
    ]
    print(columns(["started", "by", "command", "outcome", "steps"], rows))


def _steps(entry: HistoryEntry) -> str:
    from declarative_paas.workflow.lock import RUNNING

    done = [f"{count} {operation}" for operation, count in entry.summary.items()]
    if entry.failures:
        done.append(f"{len(entry.failures)} failed")
    if entry.under_way:
        more = len(entry.under_way) - _NAMED
        names = ", ".join(entry.under_way[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        done.append(f"{len(entry.under_way)} {'under way' if entry.outcome == RUNNING else 'unknown'} ({names})")
    if entry.untouched:
        done.append(f"{entry.untouched} not begun")
    return ", ".join(done)
