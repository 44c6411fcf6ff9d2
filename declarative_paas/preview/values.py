"""One attribute value as text: short, quoted, never a secret, never a control character."""

from __future__ import annotations

import re

from declarative_paas.core.values import UNKNOWN, Reference, SecretRef, Sensitive, Value, is_list, is_map

DEFAULT_WIDTH = 60
_DIGEST = re.compile(r"(?=.*[a-f])[0-9a-f]{16,64}")
"""Of a digest the first characters tell it from any other; digits alone may be a number of somebody's."""

_CONTEXT = 8
"""Characters kept before the first difference of two long values."""


def show(value: Value, width: int = DEFAULT_WIDTH, *, is_digest: bool = False) -> str:
    """At most `width` characters of the value. `is_digest`: we made it, so its first characters are enough."""
    return _shortened(_shown(value, is_digest=is_digest), width)


def show_change(before: Value, after: Value, width: int = DEFAULT_WIDTH, *, is_digest: bool = False) -> str:
    """`"info" -> "debug"`; secrets as changed or same, by their digests; together about `width` characters."""
    if isinstance(before, SecretRef) and isinstance(after, SecretRef):
        verdict = "same value" if before.digest == after.digest else "changed"
        if before.name == after.name:
            return f"{_shown(before)} ({verdict})"
        return f"{_shown(before)} -> {_shown(after)} ({verdict})"
    if before is None:
        return f"{show(after, width, is_digest=is_digest)} (added)"
    if after is None:
        return f"{show(before, width, is_digest=is_digest)} (removed)"
    old, new = _shown(before, is_digest=is_digest), _shown(after, is_digest=is_digest)
    if old == new and before != after:
        # Two digests that begin alike: cut, they would look the same.
        old, new = _shown(before), _shown(after)
    if len(old) + len(new) > width:
        old, new = _both_shortened(old, new, max(2 * _CONTEXT, width // 2))
    return f"{old} -> {new}"


def printable(text: str) -> str:
    """What a manifest or a platform says must not steer the terminal that shows it."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def dollars(cents: int) -> str:
    """`$1,012.50`"""
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def _shown(value: Value, *, is_digest: bool = False) -> str:
    if value is None:
        return "none"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        if is_digest and _DIGEST.fullmatch(value):
            return f"{value[:12]}…"
        # The backslash first: a written `\n` and a line break are two values.
        return '"' + printable(value.replace("\\", "\\\\")).replace('"', '\\"') + '"'
    if isinstance(value, Reference):
        return f"from {printable(str(value))} (known after apply)"
    if value is UNKNOWN:
        return "(known after apply)"
    if isinstance(value, SecretRef):
        # A name with @ is one of ours, for what a resource answered: it tells a reader nothing.
        return "[secret]" if value.name.startswith("@") else f"[secret {printable(value.name)}]"
    if isinstance(value, Sensitive):
        return "[secret]"
    if is_map(value):
        return "{" + ", ".join(f"{printable(key)}: {_shown(value[key])}" for key in sorted(value)) + "}"
    if is_list(value):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return printable(str(value))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(1, width - 1)]}…"


def _both_shortened(old: str, new: str, width: int) -> tuple[str, str]:
    """Two long values that begin alike are shown from where they differ: cut at the end they would look the same."""
    alike = next((index for index, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if alike > width // 2:
        start = max(0, min(alike - _CONTEXT, max(len(old), len(new)) + 1 - width))
        old, new = f"…{old[start:]}", f"…{new[start:]}"
    return _shortened(old, width), _shortened(new, width)
