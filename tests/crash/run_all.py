"""`make crash`: every kill point on the memory world, with the state in a file; sampled ones with the state in
PostgreSQL, on real processes and on a Docker engine, which is killed too; then the same on Terraform.

Ends with 1 for anything that was orphaned, made twice or not made good.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# As pytest has it by conftest.py: the projects and the server are those of the end-to-end tests.
sys.path.extend(
    str(Path(__file__).parents[1] / folder) for folder in (".", "e2e/local", "e2e/state", "e2e/docker", "e2e/forks")
)

import postgres_stage
from docker_doomed import AFTER_CHANGES, BEFORE_CHANGES, WAYS, DockerDoomed, EngineDoomed
from docker_rig import RigFailed, docker_rig, doomed_host
from doomed import Doomed
from exhaustive import SIDES, Tally, walk_all
from fork_faults import DISK_FULL, FAULTS, FaultStage, sampled
from kill_loop import MOMENTS, KillLoop, Report
from local_doomed import LocalDoomed
from scenarios import SCENARIOS
from stack_doomed import StackDoomed
from team_doomed import TeamDoomed
from terraform_loop import run_terraform
from trap_door import AFTER, BEFORE

PARALLELISMS = (1, 8)
"""One effect at a time, so that the n-th is always the same; and several under way when the kill comes."""

TEAM_STRIDE = 6
"""With the state in PostgreSQL every sixth kill point: the engine is the same, and each takes three times as long."""

LOCAL_KILLS = 12
FORK_MOMENTS = 8
"""Of each fault."""

DOCKER_KILLS = 6
"""Of each command in each way."""


def main() -> int:
    print(f"{'state':<12}{'scenario':<28}{'killed':<16}{'parallelism':>11}", end="")
    print(f"{'kill points':>12}{'converged':>10}{'orphans':>8}{'duplicates':>11}", flush=True)
    lost = _memory("SQLite", Doomed, 1)
    postgres_stage.stage()
    lost += _memory("PostgreSQL", TeamDoomed, TEAM_STRIDE)
    print()
    lost += _real("local", LocalDoomed(), LOCAL_KILLS)
    lost += _forks()
    lost += _docker()
    run_terraform()
    return 1 if lost else 0


def _memory(state: str, make: Callable[[], Doomed], stride: int) -> int:
    started = time.monotonic()
    total = Tally()
    for scenario in SCENARIOS:
        for what, side in SIDES:
            for parallelism in PARALLELISMS:
                tally = walk_all(scenario, what, side, parallelism=parallelism, make=make, stride=stride)
                killed = f"{side} {what}"
                print(f"{state:<12}{scenario.name:<28}{killed:<16}{parallelism:>11}{_counts(tally)}", flush=True)
                for bad in tally.bad:
                    print(f"  {bad}")
                total.verdicts += tally.verdicts
    seconds = f"{time.monotonic() - started:.0f} s"
    print(f"{state:<12}{'all':<28}{seconds:<16}{'':>11}{_counts(total)}", flush=True)
    return len(total.bad)


def _real(what: str, doomed: KillLoop, kills: int, ways: Sequence[str] = (MOMENTS,)) -> int:
    """An app with a database, two web dynos, a build and a release phase."""
    lost = 0
    try:
        for run in (doomed.first_deploys, doomed.rolling_updates, doomed.destroys):
            for way in ways:
                lost += _print(what, run(kills, way))
    finally:
        doomed.close()
    return lost


def _forks() -> int:
    """A fork between two local regions, and everything that can break under it."""
    lost = 0
    stage = FaultStage()
    try:
        for fault in (*FAULTS, *([DISK_FULL] if stage.has_disk else [])):
            report = stage.suffer(fault, sampled(stage.steps, FORK_MOMENTS))
            struck = f"struck {report.struck} of {FORK_MOMENTS}"
            print(f"fork, {report.name}: {struck}, not made good {len(report.bad)}", flush=True)
            for bad in report.bad:
                print(f"  {bad}")
            lost += len(report.bad)
    finally:
        stage.close()
    print()
    return lost


def _docker() -> int:
    try:
        with docker_rig() as rig:
            lost = _real("Docker", DockerDoomed(rig), DOCKER_KILLS, WAYS)
            with doomed_host(rig) as host:
                lost += _real("engine dies", EngineDoomed(rig, host), DOCKER_KILLS, (BEFORE_CHANGES, AFTER_CHANGES))
                stacks = StackDoomed(host)
                try:
                    lost += sum(_print("Docker", stacks.builds(side)) for side in (BEFORE, AFTER))
                finally:
                    stacks.close()
            return lost
    except RigFailed as problem:
        print(f"Docker: left out: {problem}\n")
        return 0


def _print(what: str, report: Report) -> int:
    """How many kills were not made good."""
    counts = f"{report.killed:>12}{report.converged:>10}{report.orphans:>8}{report.duplicates:>11}"
    print(f"{what:<12}{report.name:<28}{report.way:<16}{'':>11}{counts}", flush=True)
    for bad in report.bad:
        print(f"  {bad}")
    return report.lost


def _counts(tally: Tally) -> str:
    return f"{tally.kill_points:>12}{tally.converged:>10}{tally.orphans:>8}{tally.duplicates:>11}"


if __name__ == "__main__":
    sys.exit(main())
