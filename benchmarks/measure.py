"""Times a command as a whole process."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Seconds of wall clock, and the peak memory of the process in MB."""

    seconds: float
    peak_mb: float


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours, but modules may be compiled once and kept, as they are in an installed package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(more)


class CommandFailed(Exception):
    """A measured command did not do what it should: its figure would mean nothing."""


def run_once(
    command: Sequence[str], directory: Path, *, environment: Mapping[str, str] | None = None, expect: int = 0
) -> Sample:
    """Raises CommandFailed when the exit code is not the expected one."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=_environment(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != expect:
        raise CommandFailed(f"{' '.join(command)} exited with {process.returncode}:\n{output[-2000:]}")
    return Sample(seconds=seconds, peak_mb=usage.ru_maxrss / 1024)


def empty_file_cache() -> bool:
    """Has the system forget every file that it has read, where we may ask that of it; whether it did."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    except OSError:
        return False
    return True


def median_of(runs: int, measure: Callable[[], Sample]) -> Sample:
    """The median of several runs, each figure by itself."""
    samples = [measure() for _ in range(runs)]
    return Sample(
        seconds=statistics.median(sample.seconds for sample in samples),
        peak_mb=statistics.median(sample.peak_mb for sample in samples),
    )
