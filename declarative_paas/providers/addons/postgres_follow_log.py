"""Why a follower receives nothing: what its server wrote of it last. Its catalogues only count such failures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# `log_line_prefix` of our servers, for a process without a user or a database.
_LINE: Final = re.compile(r"^\S+ \S+ \S+ \[(?P<process>\d+)\] (?P<kind>ERROR|CONTEXT|FATAL): +(?P<text>.*)$")

# Failures of the server, not of the change: it tries again every few seconds, and succeeds once it can.
_PASSES: Final = re.compile(
    r"no space left|could not (extend|write|read|open|connect|receive)|out of (shared )?memory|deadlock|timeout"
    r"|terminat|shut(ting)? down|starting up|data stream",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What the server said; `is_final` when it will say so again, however often it tries."""

    message: str
    is_final: bool


def last_failure(lines: Iterable[str], *, stream: str, origin: str) -> Failure | None:
    """The last failure of one subscription. `origin` is how the server names where its changes come from.

    A message names the subscription, or the line behind it, of the same process, tells its origin.
    """
    said: dict[str, str] = {}
    found: Failure | None = None
    for line in lines:
        parts = _LINE.match(line)
        if parts is None:
            continue
        process, kind, text = parts.groups()
        if kind == "CONTEXT":
            if f'replication origin "{origin}"' in text and process in said:
                found = Failure(message=said[process], is_final=not _PASSES.search(said[process]))
            continue
        said[process] = text
        if f'"{stream}"' in text:
            found = Failure(message=text, is_final=False)
    return found
