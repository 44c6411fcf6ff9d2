"""How much memory a set of processes uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.providers.runtime import processes

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """In MiB. `rss_mb` is anonymous and shared memory, `cache_mb` mapped files, as in a cgroup's account.

    `pages_in` counts page faults, which is when a cgroup charges a page; `pages_out` those given back since.
    """

    rss_mb: float = 0.0
    cache_mb: float = 0.0
    swap_mb: float = 0.0
    pages_in: int = 0
    pages_out: int = 0

    @property
    def total_mb(self) -> float:
        return self.rss_mb + self.cache_mb + self.swap_mb


def measure(pids: Iterable[int]) -> Memory:
    """The sum over the processes; those that have ended meanwhile count nothing.

    The proportional set size where it can be read: a page that eight forked workers share counts once,
    as it does in a container's account. The resident size would count it eight times and report a
    preloading server as over its quota.
    """
    rss = cache = swap = pages_in = 0
    for pid in pids:
        one = _proportional_kb(pid) or _resident_kb(pid)
        rss, cache, swap = rss + one[0], cache + one[1], swap + one[2]
        stat = processes.stat(pid)
        pages_in += stat.faults if stat else 0
    resident_pages = (rss + cache) // _PAGE_KB
    return Memory(
        rss_mb=rss / 1024,
        cache_mb=cache / 1024,
        swap_mb=swap / 1024,
        pages_in=pages_in,
        pages_out=max(0, pages_in - resident_pages),
    )


def _proportional_kb(pid: int) -> tuple[int, int, int] | None:
    """(anonymous and shared, file, swap), or None where the kernel or its permissions do not tell."""
    try:
        content = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return None
    found: dict[bytes, int] = {}
    for line in content.splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == b"kB":
            found[words[0]] = int(words[1])
    total = found.get(b"Pss:")
    if total is None:
        return None
    # Kernels before 5.9 give no split; all counts as resident then.
    cache = found.get(b"Pss_File:", 0)
    return total - cache, cache, found.get(b"SwapPss:", 0)


def _resident_kb(pid: int) -> tuple[int, int, int]:
    if sys.platform != "linux":
        import psutil

        try:
            return psutil.Process(pid).memory_info().rss // 1024, 0, 0
        except psutil.Error:
            return 0, 0, 0
    try:
        _, resident, shared, *_ = (int(word) for word in Path(f"/proc/{pid}/statm").read_bytes().split())
    except (OSError, ValueError):
        return 0, 0, 0
    return (resident - shared) * _PAGE_KB, shared * _PAGE_KB, 0
