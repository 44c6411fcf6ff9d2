"""What the platform says of an app's dynos, and what those that are gone had said: kept in the region's keeper.

Bounded, and lost with the keeper. A log that cannot be read or written keeps nothing else from being done.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.conversation import Conversation
from declarative_paas.providers.docker.engine.keeper import LOGS
from declarative_paas.providers.logfile import log_line
from declarative_paas.providers.runtime import wording

ANSWER_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Lines of the log: what dynos that are gone `said`, and what the platform `told` of any dyno."""

    said: Sequence[str] = ()
    told: Sequence[str] = ()


class Logbook:
    """One region's. Usable from several threads; asks nothing of the engine until a method is called."""

    def __init__(self, engine: Engine, keeper: str) -> None:
        program = Path(__file__).with_name("logbook_inside.py").read_text(encoding="utf-8")
        self._conversation = Conversation(engine, keeper, ["python3", "-I", "-c", program, LOGS])
        self._one_at_a_time = threading.Lock()

    def write(self, app: str, *, said: Sequence[str] = (), told: Sequence[str] = (), now: Sequence[str] = ()) -> None:
        """`now` are lines without their time, which is the engine's: `heroku[web.1]: …`."""
        if said or told or now:
            self._ask({"write": app, "said": list(said), "told": list(told), "now": list(now)})

    def read(self, app: str, *, since: datetime | None = None, said: bool = True) -> Kept:
        """What is not older than `since`; with or without what was `said`."""
        kinds = ["said", "told"] if said else ["told"]
        answer = self._ask({"read": app, "kinds": kinds, "since": _stamp(since)})
        return Kept(said=answer.get("said", ()), told=answer.get("told", ()))

    def memory(self, dynos: Mapping[str, str], *, since: datetime | None = None) -> list[str]:
        """What was noted of some dynos' memory, as lines of the log. `dynos`: names by the ids of containers."""
        if not dynos:
            return []
        answer = self._ask({"memory": list(dynos), "since": _stamp(since)})
        return [line for note in answer.get("notes", ()) for line in memory_lines(note, dynos)]

    def close(self) -> None:
        with self._one_at_a_time:
            self._conversation.close()

    def _ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Nothing where there is no keeper, or one of before it kept a log."""
        with self._one_at_a_time:
            try:
                return self._conversation.ask(question, timeout_s=ANSWER_TIMEOUT_S)
            except (ProviderError, TimeoutError, ValueError):
                return {}


def _stamp(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="microseconds")


def memory_lines(note: str, dynos: Mapping[str, str]) -> list[str]:
    """The keeper's `TIME CONTAINER USED QUOTA` as the log's two lines of an R14. Pure."""
    stamp, container, used, quota = note.split(" ")
    at, dyno = datetime.fromisoformat(stamp), dynos[container]
    return [
        log_line(at, "heroku", dyno, wording.memory_running(float(used), int(quota))),
        # Lines are put in the order of their times.
        log_line(at + timedelta(microseconds=1), "heroku", dyno, wording.R14),
    ]
