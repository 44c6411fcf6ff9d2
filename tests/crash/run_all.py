"""`make crash`: every kill point on the memory world, sampled ones on real processes, then the same on Terraform.

Ends with 1 for anything that was orphaned, made twice or not made good.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

# As pytest has it by conftest.py: the local kill loop works on the projects of the end-to-end tests.
sys.path.append(str(Path(__file__).parents[1] / "e2e" / "local"))

from exhaustive import SIDES, Tally, walk_all
from local_doomed import LocalDoomed
from scenarios import SCENARIOS
from terraform_loop import run_terraform

PARALLELISMS = (1, 8)
"""One effect at a time, so that the n-th is always the same; and several under way when the kill comes."""


LOCAL_KILLS = 12


def main() -> int:
    lost = _memory() + _local()
    run_terraform()
    return 1 if lost else 0


def _memory() -> int:
    started = time.monotonic()
    total = Tally()
    print(f"{'scenario':<28}{'killed':<16}{'parallelism':>11}{'kill points':>12}{'converged':>10}", end="")
    print(f"{'orphans':>8}{'duplicates':>11}", flush=True)
    for scenario in SCENARIOS:
        for what, side in SIDES:
            for parallelism in PARALLELISMS:
                tally = walk_all(scenario, what, side, parallelism=parallelism)
                print(f"{scenario.name:<28}{f'{side} {what}':<16}{parallelism:>11}{_counts(tally)}", flush=True)
                for bad in tally.bad:
                    print(f"  {bad}")
                total.verdicts += tally.verdicts
    print(f"{'all':<28}{'':<16}{'':>11}{_counts(total)}")
    print(f"{time.monotonic() - started:.0f} s\n", flush=True)
    return len(total.bad)


def _local() -> int:
    """An app with a database, two web dynos, a build and a release phase."""
    lost = 0
    doomed = LocalDoomed()
    try:
        for report in (doomed.first_deploys(LOCAL_KILLS), doomed.rolling_updates(LOCAL_KILLS)):
            print(f"local provider, {report.name}: killed {report.killed}, not made good {len(report.bad)}", flush=True)
            for bad in report.bad:
                print(f"  {bad}")
            lost += len(report.bad)
    finally:
        doomed.close()
    print()
    return lost


def _counts(tally: Tally) -> str:
    return f"{tally.kill_points:>12}{tally.converged:>10}{tally.orphans:>8}{tally.duplicates:>11}"


if __name__ == "__main__":
    sys.exit(main())
