"""What an engine knows of a dyno's life, in the words of Heroku's platform lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from declarative_paas.providers.docker.engine.dyno_container import PORT, state_of
from declarative_paas.providers.docker.logs import moment
from declarative_paas.providers.logfile import log_line
from declarative_paas.providers.runtime import wording


def command_of(found: Mapping[str, Any]) -> str:
    """The dyno's command, from the description of its container: the last word of what it runs."""
    words: list[str] = found["Config"].get("Cmd") or [""]
    return words[-1]


def quota_mb(found: Mapping[str, Any]) -> float:
    """Where R14 begins."""
    return float(found["HostConfig"].get("MemoryReservation") or 0) / 2**20


def life_lines(found: Mapping[str, Any], dyno: str, *, ends_are_told: bool) -> list[str]:
    """Lines of the log for its last start and, unless somebody else tells of it, its end, if it is over."""
    state = state_of(found)
    started = _line(moment(state.started_at), dyno, wording.starting(command_of(found), PORT))
    if ends_are_told or (state.running and not state.restarting):
        return started
    ended = moment(state.finished_at)
    killed = _line(ended, dyno, wording.R15) if state.oom_killed else []
    return [*started, *killed, *_line(ended, dyno, wording.exited(state.exit_status))]


def end_line(event: Mapping[str, Any], dyno: str) -> list[str]:
    """The line of the log for one of the engine's events about a dyno: an end, or memory that was not to be had."""
    at = datetime.fromtimestamp(int(event["timeNano"]) / 1e9, UTC)
    match event["Action"]:
        case "oom":
            return _line(at, dyno, wording.R15)
        case "die":
            return _line(at, dyno, wording.exited(int(event["Actor"]["Attributes"].get("exitCode", 0))))
        case _:
            return []


def _line(at: datetime | None, dyno: str, text: str) -> list[str]:
    return [] if at is None else [log_line(at, "heroku", dyno, text)]
