"""`make crash`: every kill point on the memory world, with the state in a file; sampled ones with the state in
PostgreSQL, on real processes and on a Docker engine; then the same on Terraform.

Ends with 1 for anything that was orphaned, made twice or not made good.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

# As pytest has it by conftest.py: the projects and the server are those of the end-to-end tests.
sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "e2e/local", "e2e/state", "e2e/docker"))

import postgres_stage
from docker_doomed import DockerDoomed
from docker_rig import RigFailed, docker_rig
from doomed import Doomed
from exhaustive import SIDES, Tally, walk_all
from kill_loop import KillLoop
from local_doomed import LocalDoomed
from scenarios import SCENARIOS
from team_doomed import TeamDoomed
from terraform_loop import run_terraform

PARALLELISMS = (1, 8)
"""One effect at a time, so that the n-th is always the same; and several under way when the kill comes."""

TEAM_STRIDE = 6
"""With the state in PostgreSQL every sixth kill point: the engine is the same, and each takes three times as long."""

LOCAL_KILLS = 12
DOCKER_KILLS = 8


def main() -> int:
    print(f"{'state':<12}{'scenario':<28}{'killed':<16}{'parallelism':>11}", end="")
    print(f"{'kill points':>12}{'converged':>10}{'orphans':>8}{'duplicates':>11}", flush=True)
    lost = _memory("SQLite", Doomed, 1)
    postgres_stage.stage()
    lost += _memory("PostgreSQL", TeamDoomed, TEAM_STRIDE)
    print()
    lost += _real("local provider", LocalDoomed(), LOCAL_KILLS)
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


def _real(what: str, doomed: KillLoop, kills: int) -> int:
    """An app with a database, two web dynos, a build and a release phase."""
    lost = 0
    try:
        for run in (doomed.first_deploys, doomed.rolling_updates, doomed.destroys):
            report = run(kills)
            print(f"{what}, {report.name}: killed {report.killed}, not made good {len(report.bad)}", flush=True)
            for bad in report.bad:
                print(f"  {bad}")
            lost += len(report.bad)
    finally:
        doomed.close()
    print()
    return lost


def _docker() -> int:
    try:
        with docker_rig() as rig:
            return _real("docker provider", DockerDoomed(rig), DOCKER_KILLS)
    except RigFailed as problem:
        print(f"docker provider: left out: {problem}\n")
        return 0


def _counts(tally: Tally) -> str:
    return f"{tally.kill_points:>12}{tally.converged:>10}{tally.orphans:>8}{tally.duplicates:>11}"


if __name__ == "__main__":
    sys.exit(main())
