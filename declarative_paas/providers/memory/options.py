"""The options of a memory region: what each is for, and what it may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest


def _is_socket(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_latency(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_parallelism(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_OPTIONS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "latency_s": (_is_latency, "seconds, 0 or above"),
    "parallelism": (_is_parallelism, "a whole number, 1 or above"),
    "socket": (_is_socket, "the path of the socket of a memory world, or no `socket` for one in this process"),
}


def option_mistakes(
    region: str, options: Mapping[str, Any], position: Callable[[str], Position | None]
) -> Iterator[Diagnostic]:
    """What is wrong with the options; `position` tells where one is written.

    An unknown one is an error: with `socket` misspelt, an empty world would stand for the one that is meant,
    and a plan would take everything in it as deleted.
    """
    for name, value in sorted(options.items(), key=lambda item: str(item[0])):
        known = _OPTIONS.get(name)
        if known is None:
            yield error(
                "unknown-option",
                f"provider memory has no option {name!r} (region {region})",
                position(name),
                expected=f"one of {', '.join(sorted(_OPTIONS))}",
                suggestion=nearest(str(name), _OPTIONS),
            )
        elif not known[0](value):
            yield error(
                "bad-option", f"option {name} of region {region} is {value!r}", position(name), expected=known[1]
            )
