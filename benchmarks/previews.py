"""Every format of a preview of a plan of 5,000 changes, each in a process of its own, from the saved plan; and what is
told before 8,000 resources are destroyed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.engine import DPAAS, RUNS, Row
from benchmarks.measure import median_of, run_once
from benchmarks.shapes import World, write_project
from benchmarks.world import memory_world
from declarative_paas.preview.formats import Format

CHANGES = 5_000
DESTROYED = 8_000


def destroy_row(resources: int = DESTROYED) -> Row:
    """Loads, plans and shows: nothing is saved before."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        write_project(directory, "apps", resources, World(socket=str(socket)))
        command = [DPAAS, "preview", "--destroy", "--format", "markdown", "--out", "preview.md"]
        with memory_world(socket):
            run_once([DPAAS, "apply", "--auto-approve"], directory)
            sample = median_of(RUNS, lambda: run_once(command, directory))
    return Row(what=f"preview --destroy, {resources:,} resources, planned anew", ours=sample)


def preview_rows(changes: int = CHANGES) -> Iterator[Row]:
    """Reading the saved plan is part of each figure: that is what a reviewer's job does."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        write_project(directory, "apps", changes, World(socket=str(socket)))
        with memory_world(socket):
            run_once([DPAAS, "plan", "--out", "plan.json"], directory)
        for form in Format:
            command = [DPAAS, "preview", "plan.json", "--format", form.value, "--out", f"preview.{form.value}"]
            yield Row(
                what=f"preview --format {form.value}, {changes:,} changes, saved plan read",
                ours=median_of(RUNS, lambda command=command: run_once(command, directory)),
            )
