"""`dpaas history`: who applied what, and how it ended."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests

app = command_group()


@app.command("history")
@reads_manifests
def history(
    inputs: ManifestInputs, as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False
) -> None:
    """List every apply, destroy and rollback, newest first: when, by whom, and how it ended.

    Example: dpaas history --json
    """
    from declarative_paas.core.state import StateError
    from declarative_paas.workflow.lock import settle_history

    with inputs.world() as world:
        with suppress(StateError):  # who may only read still reads
            settle_history(world.store, world.project.scope)
        entries = world.store.history(world.project.scope)
    if as_json:
        print(json.dumps([{**asdict(entry), "summary": dict(entry.summary)} for entry in entries], indent=2))
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
            ", ".join(f"{count} {operation}" for operation, count in entry.summary.items()),
        ]
        for entry in entries
    ]
    print(columns(["started", "by", "command", "outcome", "steps"], rows))
