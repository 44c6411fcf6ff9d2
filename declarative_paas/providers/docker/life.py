"""What an engine knows of a dyno's life, in the words of Heroku's platform lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from declarative_paas.providers.docker.engine.dyno_container import PORT, command_of, state_of
from declarative_paas.providers.docker.logs import moment
from declarative_paas.providers.logfile import log_line
from declarative_paas.providers.runtime import wording

SOON_AFTER: Final = timedelta(seconds=60)
"""So long after it was made a dyno's first start is the one that it was made for."""


def quota_mb(found: Mapping[str, Any]) -> float:
    """Where R14 begins."""
    return float(found["HostConfig"].get("MemoryReservation") or 0) / 2**20


def life_lines(found: Mapping[str, Any], dyno: str, *, ends_are_told: bool) -> list[str]:
    """Lines of the log for its last start and, unless somebody else tells of it, its end, if it is over."""
    state = state_of(found)
    started = _line(_began(found), dyno, wording.starting(command_of(found), PORT))
    if ends_are_told or (state.running and not state.restarting):
        return started
    ended = moment(state.finished_at)
    killed = _line(ended, dyno, wording.R15) if state.oom_killed else []
    return [*started, *killed, *_line(ended, dyno, wording.exited(state.exit_status))]


def _began(found: Mapping[str, Any]) -> datetime | None:
    """When its last start began. The engine notes a start when it is done: a busy one after the dyno's first words."""
    started, made = moment(found["State"]["StartedAt"]), moment(str(found.get("Created", "")))
    if started is None or made is None or found.get("RestartCount"):
        return started
    return made if started - made < SOON_AFTER else started


def killed_lines(found: Mapping[str, Any], dyno: str, timeout_s: float) -> list[str]:
    """Lines of the log for one that did not end by itself after SIGTERM: R12."""
    ended = moment(state_of(found).finished_at)
    if ended is None:
        return []
    # Lines are put in the order of their times, and the exit status comes after them.
    told = (wording.exit_timeout(timeout_s), wording.STOPPING_SIGKILL)
    return [log_line(ended - timedelta(microseconds=2 - n), "heroku", dyno, text) for n, text in enumerate(told)]


def event_line(event: Mapping[str, Any], dyno: str, found: Mapping[str, Any] | None = None) -> list[str]:
    """The line of the log for one of the engine's events about a dyno: an end, memory that was not to be had, a start.

    `found` is the description of its container: without it nobody knows what was started.
    """
    at = datetime.fromtimestamp(int(event["timeNano"]) / 1e9, UTC)
    match event["Action"]:
        case "oom":
            return _line(at, dyno, wording.R15)
        case "die":
            return _line(at, dyno, wording.exited(int(event["Actor"]["Attributes"].get("exitCode", 0))))
        case "start" if found is not None:
            return _line(at, dyno, wording.starting(command_of(found), PORT))
        case _:
            return []


def _line(at: datetime | None, dyno: str, text: str) -> list[str]:
    return [] if at is None else [log_line(at, "heroku", dyno, text)]
