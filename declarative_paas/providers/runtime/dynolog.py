"""Writes one dyno's lines to its app's log, and never fails for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from declarative_paas.providers import logfile
from declarative_paas.providers.runtime import wording


class DynoLog:
    """`app[web.1]: …` for what the dyno says, `heroku[web.1]: …` for what the platform says of it.

    A log that cannot be written (a full disk) must not take the dyno down: such lines are dropped and
    counted, and the count is logged when writing works again, as Heroku's L10.
    """

    __slots__ = ("_dropped", "_dyno", "_path")

    def __init__(self, path: Path, dyno: str) -> None:
        self._path = path
        self._dyno = dyno
        self._dropped = 0

    def output(self, lines: Iterable[str]) -> None:
        self._write("app", lines)

    def platform(self, *lines: str) -> None:
        self._write("heroku", lines)

    def _write(self, source: str, lines: Iterable[str]) -> None:
        now = datetime.now(UTC)
        # One line each: a command or a reason may have line ends of its own.
        stamped = [logfile.log_line(now, source, self._dyno, line.replace("\n", " ")) for line in lines]
        lost = self._dropped
        if lost:
            stamped.insert(0, logfile.log_line(now, "heroku", self._dyno, wording.dropped(lost)))
        try:
            logfile.append(self._path, stamped)
        except OSError:
            self._dropped += len(stamped) - (1 if lost else 0)
        else:
            self._dropped = 0
