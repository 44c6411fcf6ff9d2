"""`make crash`: every kill point on the memory world, then Terraform's kill loop. Ends with 1 for any loss."""

from __future__ import annotations

import sys
import time

from exhaustive import SIDES, Tally, walk_all
from scenarios import SCENARIOS
from terraform_loop import run_terraform

PARALLELISMS = (1, 8)
"""One effect at a time, so that the n-th is always the same; and several under way when the kill comes."""


def main() -> int:
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
    print(f"{time.monotonic() - started:.0f} s\n")
    run_terraform()
    return 1 if total.bad else 0


def _counts(tally: Tally) -> str:
    return f"{tally.kill_points:>12}{tally.converged:>10}{tally.orphans:>8}{tally.duplicates:>11}"


if __name__ == "__main__":
    sys.exit(main())
