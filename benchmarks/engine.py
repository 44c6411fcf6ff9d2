"""Start-up, plan and apply, beside Terraform where it is installed."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import CommandFailed, Sample, median_of, run_once
from benchmarks.shapes import write_apps, write_terraform_apps
from benchmarks.world import memory_world

DPAAS = str(Path(sys.executable).parent / "dpaas")
TERRAFORM_LIVE_UP_TO = 1000
"""Above, Terraform's own runs take minutes: its figures are then the published ones of docs/benchmarks.md."""

PUBLISHED_S = {("plan (create)", 5000): 7.9, ("apply", 5000): 400.0, ("plan (no change)", 5000): 7.9}
"""Terraform 1.11.4 on a 2-core machine, medians, whole process; apply was stopped at 400 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `published` marks a Terraform figure that was not measured in this run."""

    what: str
    ours: Sample
    terraform: Sample | None = None
    published: bool = False


def start_up() -> Iterator[Row]:
    """`--version`, and a plan of one app."""
    terraform = shutil.which("terraform")
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        theirs = median_of(5, lambda: run_once([terraform, "version"], directory)) if terraform is not None else None
        yield Row(
            what="--version", ours=median_of(5, lambda: run_once([DPAAS, "--version"], directory)), terraform=theirs
        )
    yield from sized(5, runs=5, with_apply=False)


def sized(resources: int, *, runs: int = 3, with_apply: bool = True) -> Iterator[Row]:
    """Plan and apply of N/5 apps of five dependent resources; the number of resources is checked afterwards."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        write_apps(directory, resources, socket=str(socket))
        terraform = _terraform(directory / "terraform", resources)
        with memory_world(socket) as world:
            ours = median_of(runs, lambda: run_once([DPAAS, "plan"], directory))
            yield _row("plan (create)", resources, ours, terraform, ["plan", "-input=false"], runs)
            if not with_apply:
                return
            yield _row(
                "apply",
                resources,
                run_once([DPAAS, "apply", "--auto-approve"], directory),
                terraform,
                ["apply", "-auto-approve", "-input=false"],
                1,
            )
            found = world.call("audit")["things"]
            if found != resources:
                raise CommandFailed(f"{found} resources exist after an apply of {resources}")
            ours = median_of(runs, lambda: run_once([DPAAS, "plan", "--detailed-exitcode"], directory))
            yield _row("plan (no change)", resources, ours, terraform, ["plan", "-input=false"], runs)
            ours = run_once([DPAAS, "destroy", "--auto-approve"], directory)
            yield _row("destroy", resources, ours, terraform, ["destroy", "-auto-approve", "-input=false"], 1)
            left = world.call("audit")["things"]
            if left:
                raise CommandFailed(f"{left} resources are left after a destroy")


def _terraform(directory: Path, resources: int) -> Path | None:
    if shutil.which("terraform") is None or resources > TERRAFORM_LIVE_UP_TO:
        return None
    write_terraform_apps(directory, resources)
    run_once(["terraform", "init", "-input=false"], directory)
    return directory


def _row(what: str, resources: int, ours: Sample, terraform: Path | None, command: list[str], runs: int) -> Row:
    theirs: Sample | None = None
    published = False
    if terraform is not None:
        theirs = median_of(runs, lambda: run_once(["terraform", *command], terraform))
    elif (what, resources) in PUBLISHED_S:
        theirs, published = Sample(seconds=PUBLISHED_S[what, resources], peak_mb=0.0), True
    return Row(what=f"{what}, {resources}", ours=ours, terraform=theirs, published=published)
