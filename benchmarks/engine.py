"""Start-up, plan, apply and destroy, beside Terraform where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import CommandFailed, Sample, median_of, run_once
from benchmarks.shapes import World, write_project, write_terraform
from benchmarks.world import memory_world

DPAAS = str(Path(sys.executable).parent / "dpaas")
RUNS = 3

PUBLISHED_S: Mapping[tuple[str, str, int], float] = {
    ("apps", "plan (create)", 5000): 7.9,
    ("apps", "apply", 5000): 400.0,
    ("apps", "plan (no change)", 5000): 7.9,
    ("apps", "destroy", 5000): 480.0,
    ("independent", "plan (create)", 5000): 2.3,
    ("independent", "apply", 5000): 179.0,
    ("independent", "plan (no change)", 5000): 19.5,
    ("independent", "destroy", 5000): 380.0,
    ("chain", "apply", 1000): 216.0,
    ("chain", "plan (no change)", 1000): 14.7,
}
"""Terraform 1.11.4 on a 2-core machine, medians, whole process; 400 and 480 are where it was stopped."""

LIVE: Mapping[str, frozenset[str]] = {
    "apps": frozenset({"plan (create)", "apply", "plan (no change)", "destroy"}),
    "independent": frozenset({"plan (create)", "apply", "plan (no change)", "destroy"}),
    "chain": frozenset({"plan (create)"}),
}
"""What Terraform is run for itself, at up to 1,000 resources; its other figures take minutes each."""

LIVE_UP_TO = 1000

TERRAFORM_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "plan (create)": ("plan", "-input=false"),
    "apply": ("apply", "-auto-approve", "-input=false"),
    "plan (no change)": ("plan", "-input=false"),
    "destroy": ("destroy", "-auto-approve", "-input=false"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `published` marks a Terraform figure that was not measured in this run."""

    what: str
    ours: Sample
    terraform: Sample | None = None
    published: bool = False


def start_up() -> Iterator[Row]:
    """`--version`, and offline and online commands on one app."""
    terraform = shutil.which("terraform")
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        write_project(directory, "apps", 5, World(socket=str(socket)))
        theirs = median_of(5, lambda: run_once([terraform, "version"], directory)) if terraform else None
        ours = median_of(5, lambda: run_once([DPAAS, "--version"], directory))
        yield Row(what="--version", ours=ours, terraform=theirs)
        yield Row(what="validate, 1 app", ours=median_of(5, lambda: run_once([DPAAS, "validate"], directory)))
        with memory_world(socket):
            yield Row(what="plan (create), 1 app", ours=median_of(5, lambda: run_once([DPAAS, "plan"], directory)))


def sized(shape: str, resources: int) -> Iterator[Row]:
    """Plan, apply, plan again, destroy; what exists is counted on the platform after each."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        write_project(directory, shape, resources, World(socket=str(socket)))
        bench = _Bench(directory, shape, resources)
        with memory_world(socket) as world:
            yield bench.row("plan (create)", ["plan"], RUNS)
            yield bench.row("apply", ["apply", "--auto-approve"], 1)
            _count(world.call("audit")["things"], resources)
            yield bench.row("plan (no change)", ["plan", "--detailed-exitcode"], RUNS)
            yield bench.row("destroy", ["destroy", "--auto-approve"], 1)
            _count(world.call("audit")["things"], 0)


def latency(resources: int = 1000, latency_s: float = 0.2, parallelism: int = 100) -> Row:
    """An apply whose every operation takes a while, beside the time that the operations alone must take."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        socket = directory / "world.sock"
        write_project(directory, "apps", resources, World(socket=str(socket), latency_s=latency_s))
        floor = resources * latency_s / parallelism
        with memory_world(socket):
            ours = run_once([DPAAS, "apply", "--auto-approve", "--parallelism", str(parallelism)], directory)
        what = f"apply, apps, {resources}, {latency_s} s each, {parallelism} at once (floor {floor:.1f} s)"
        return Row(what=what, ours=ours, terraform=Sample(seconds=24.6, peak_mb=0), published=True)


class _Bench:
    def __init__(self, directory: Path, shape: str, resources: int) -> None:
        self._directory = directory
        self._shape = shape
        self._resources = resources
        self._terraform: Path | None = None
        if shutil.which("terraform") and resources <= LIVE_UP_TO:
            self._terraform = directory / "terraform"
            write_terraform(self._terraform, shape, resources)
            run_once(["terraform", "init", "-input=false"], self._terraform)

    def row(self, what: str, command: list[str], runs: int) -> Row:
        ours = median_of(runs, lambda: run_once([DPAAS, *command], self._directory))
        name = f"{what}, {self._shape}, {self._resources}"
        published = PUBLISHED_S.get((self._shape, what, self._resources))
        if self._terraform is not None and what in LIVE[self._shape]:
            theirs = [*("terraform",), *TERRAFORM_COMMANDS[what]]
            directory = self._terraform
            return Row(what=name, ours=ours, terraform=median_of(runs, lambda: run_once(theirs, directory)))
        if published is None:
            return Row(what=name, ours=ours)
        return Row(what=name, ours=ours, terraform=Sample(seconds=published, peak_mb=0.0), published=True)


def count_things(directory: Path) -> int:
    """How many resources the project's state records."""
    listed = subprocess.run([DPAAS, "state", "list"], cwd=directory, capture_output=True, text=True, check=True)
    return len(listed.stdout.splitlines())


def _count(found: int, wanted: int) -> None:
    if found != wanted:
        raise CommandFailed(f"{found} resources exist where {wanted} should")
