"""A repository of 2,000 apps, a file each, and how the engine grows with what is declared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.engine import DPAAS, RUNS, Row, count_things
from benchmarks.measure import CommandFailed, Sample, empty_file_cache, median_of, run_once
from benchmarks.shapes import World, write_project, write_repository
from benchmarks.world import memory_world

CHANGES = 2
"""The exit code of `plan --detailed-exitcode` with changes."""


def one_line_change(apps: int = 2000) -> Iterator[Row]:
    """Plans over the whole repository: nothing changed, and one config value of one app."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        changed = write_repository(directory, apps, World(socket=str(socket)))
        with memory_world(socket):
            run_once([DPAAS, "apply", "--auto-approve"], directory)
            plan = [DPAAS, "plan", "--detailed-exitcode"]
            resources = count_things(directory)
            yield Row(
                what=f"plan (no change), {apps} apps in as many files ({resources} resources)",
                ours=median_of(RUNS, lambda: run_once(plan, directory)),
            )
            text = changed.read_text(encoding="utf-8")
            changed.write_text(text.replace("LOG_LEVEL: info", "LOG_LEVEL: debug"), encoding="utf-8")
            what = f"plan (one line changed), {apps} apps in as many files"
            yield Row(what=what, ours=median_of(RUNS, lambda: run_once(plan, directory, expect=CHANGES)))
            if empty_file_cache():

                def cold() -> Sample:
                    empty_file_cache()
                    return run_once(plan, directory, expect=CHANGES)

                yield Row(what=f"{what}, nothing in the system's file cache", ours=median_of(RUNS, cold))


def growth(sizes: tuple[int, ...] = (5_000, 10_000, 25_000, 50_000)) -> Iterator[str]:
    """Lines of a table: one apply of each size, and what a thousand resources cost in it."""
    yield "| apply, apps | seconds | a thousand resources | peak MB |"
    yield "|---|---|---|---|"
    for resources in sizes:
        with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
            directory = Path(name)
            socket = directory / "world.sock"
            write_project(directory, "apps", resources, World(socket=str(socket)))
            with memory_world(socket) as world:
                sample = run_once([DPAAS, "apply", "--auto-approve"], directory)
                made = world.call("audit")["things"]
                if made != resources:
                    raise CommandFailed(f"{made} resources exist where {resources} should")
            per_thousand = sample.seconds * 1000 / resources
            yield f"| {resources:,} | {sample.seconds:.2f} | {per_thousand:.3f} | {sample.peak_mb:.0f} |"
