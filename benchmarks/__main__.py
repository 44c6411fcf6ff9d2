"""`python -m benchmarks [--quick]`: runs everything, prints the tables, writes benchmarks/results.md."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from benchmarks.ci import ci_rows
from benchmarks.copies import copy_rows
from benchmarks.deploy import deploy_rows
from benchmarks.docker import docker_rows
from benchmarks.engine import Row, latency, sized, start_up
from benchmarks.followers import follower_rows
from benchmarks.forks import fork_rows
from benchmarks.moves import move_rows
from benchmarks.previews import destroy_row, preview_rows
from benchmarks.repository import growth, one_line_change

RESULTS = Path(__file__).with_name("results.md")


def main() -> None:
    quick = "--quick" in sys.argv
    rows = [*start_up(), *sized("apps", 100), *sized("apps", 1000), *sized("chain", 1000), latency()]
    if not quick:
        rows += [*sized("apps", 5000), *sized("independent", 1000), *sized("independent", 5000), *one_line_change()]
        rows += [*ci_rows(), *preview_rows(), destroy_row()]
    tables = () if quick else (growth, deploy_rows, docker_rows, copy_rows, fork_rows, follower_rows, move_rows)
    more = [line for table in tables for line in ("", *table())]
    text = "\n".join([*_head(), *_engine_table(rows), *more]) + "\n"
    print(text)
    if not quick:
        RESULTS.write_text(text, encoding="utf-8")


def _head() -> list[str]:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        "# Results",
        "",
        "Written by `make bench`. Whole processes; medians of 3 to 5, apply and destroy once each.",
        f"Machine: {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}.",
        "",
    ]


def _engine_table(rows: list[Row]) -> list[str]:
    lines = [
        "| what (memory provider; shapes in shapes.md) | dpaas | MB | Terraform | MB | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        theirs, memory, ratio = "", "", ""
        if row.terraform is not None:
            mark = " (published)" if row.published else ""
            theirs = f"{row.terraform.seconds:.2f} s{mark}"
            memory = "" if row.published else f"{row.terraform.peak_mb:.0f}"
            ratio = f"{row.terraform.seconds / row.ours.seconds:.1f}x"
        lines.append(
            f"| {row.what} | {row.ours.seconds:.2f} s | {row.ours.peak_mb:.0f} | {theirs} | {memory} | {ratio} |"
        )
    return lines


if __name__ == "__main__":
    main()
