"""A dyno's load average and Heroku's log-runtime-metrics lines. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from declarative_paas.providers.runtime.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAverage:
    """How many of a dyno's threads ran or waited for a CPU, damped over 1, 5 and 15 minutes."""

    one: float = 0.0
    five: float = 0.0
    fifteen: float = 0.0

    def observe(self, running: int, elapsed_s: float) -> LoadAverage:
        """The averages after `running` threads were seen, `elapsed_s` after the sample before."""

        def damped(before: float, minutes: int) -> float:
            keep = math.exp(-elapsed_s / (60.0 * minutes))
            return before * keep + running * (1.0 - keep)

        return replace(self, one=damped(self.one, 1), five=damped(self.five, 5), fifteen=damped(self.fifteen, 15))


def metrics_lines(*, dyno: str, identifier: str, load: LoadAverage, memory: Memory, quota_mb: int) -> tuple[str, str]:
    """The two lines that Heroku writes about every 20 seconds a dyno."""
    source = f"source={dyno} dyno=heroku.{identifier}"
    return (
        f"{source} sample#load_avg_1m={load.one:.2f} sample#load_avg_5m={load.five:.2f} "
        f"sample#load_avg_15m={load.fifteen:.2f}",
        f"{source} sample#memory_total={memory.total_mb:.2f}MB sample#memory_rss={memory.rss_mb:.2f}MB "
        f"sample#memory_cache={memory.cache_mb:.2f}MB sample#memory_swap={memory.swap_mb:.2f}MB "
        f"sample#memory_pgpgin={memory.pages_in}pages sample#memory_pgpgout={memory.pages_out}pages "
        f"sample#memory_quota={quota_mb:.2f}MB",
    )
