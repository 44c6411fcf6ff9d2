"""What a dyno runner says of its dyno, and what of it is still true."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.wholefile import write_whole

DynoState = Literal["starting", "up", "crashed", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoStatus:
    """A dyno at one moment. Times are ISO 8601 in UTC; `memory_mb` is that of the last metrics sample.

    `pid` is the command's process, `error` the last R-code that still matters, `crashes` the number of
    consecutive crashes, `next_start_at` when a crashed dyno starts again. `runner_pid` and
    `runner_started` name the runner that wrote this.
    """

    name: str
    release: int
    state: DynoState
    since: str
    pid: int | None = None
    exit_code: int | None = None
    error: str | None = None
    crashes: int = 0
    memory_mb: float = 0.0
    port: int | None = None
    next_start_at: str | None = None
    runner_pid: int = 0
    runner_started: int = 0


def write_status(path: Path, status: DynoStatus) -> None:
    """Atomically. Raises OSError."""
    write_whole(path, json.dumps(asdict(status)) + "\n")


def recorded_status(path: Path) -> DynoStatus | None:
    """What the file says, true or not; None when there is no such file or it holds no status."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        status = DynoStatus(**content)
    except (OSError, ValueError, TypeError):
        return None
    return status if status.state in get_args(DynoState) else None


def read_status(path: Path) -> DynoStatus | None:
    """What is true now: a dyno whose runner is gone is down, whatever its runner last wrote.

    A runner's pid alone proves nothing, since the system reuses pids: its start time must match too.
    """
    status = recorded_status(path)
    if status is None or status.state == "down" or processes.is_alive(status.runner_pid, status.runner_started):
        return status
    return replace(status, state="down", pid=None, memory_mb=0.0, next_start_at=None)
