"""One attribute value as text: short, quoted, never a secret, never a control character."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from declarative_paas.core.values import UNKNOWN, Reference, SecretRef, Value

DEFAULT_WIDTH = 60
_DIGEST = re.compile(r"[0-9a-f]{20,64}")
"""Of a digest the first characters tell it from any other."""


def show(value: Value, width: int = DEFAULT_WIDTH) -> str:
    """At most `width` characters of the value."""
    return _shortened(_shown(value), width)


def show_change(before: Value, after: Value, width: int = DEFAULT_WIDTH) -> str:
    """`"info" -> "debug"`; secrets as changed or same, by their digests."""
    if isinstance(before, SecretRef) and isinstance(after, SecretRef):
        return f"[secret] -> [secret] ({'same' if before.digest == after.digest else 'changed'})"
    if before is None:
        return f"{show(after, width)} (added)"
    if after is None:
        return f"{show(before, width)} (removed)"
    return f"{show(before, width)} -> {show(after, width)}"


def printable(text: str) -> str:
    """What a manifest or a platform says must not steer the terminal that shows it."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def dollars(cents: int) -> str:
    """`$12.50`"""
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100}.{abs(cents) % 100:02}"


def _shown(value: Value) -> str:
    if value is None:
        return "none"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            return f"{value[:12]}…"
        return '"' + printable(value).replace('"', '\\"') + '"'
    if isinstance(value, Reference):
        return f"(from {value}, known after apply)"
    if value is UNKNOWN:
        return "(known after apply)"
    if isinstance(value, SecretRef):
        return "[secret]"
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Value]", value)
        return "{" + ", ".join(f"{printable(key)}: {_shown(item)}" for key, item in mapping.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_shown(item) for item in cast("Sequence[Value]", value)) + "]"
    return str(value)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(1, width - 1)]}…"
