"""Which of a resource's attributes a reviewer learns something from, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from declarative_paas.core.plan import Change, FieldChange
from declarative_paas.core.values import Attributes, Value, references
from declarative_paas.preview.values import printable, show, show_change

_TOLD: Final[Mapping[str, frozenset[str]]] = {
    "app": frozenset({"name"}),
    "secret": frozenset({"length"}),
    "addon": frozenset({"service", "plan", "version"}),
    "attachment": frozenset({"addon", "vars"}),
    "slug": frozenset({"path", "source"}),
    "release": frozenset({"config", "slug", "attachments"}),
    "formation": frozenset({"release"}),
    "domain": frozenset({"hostname"}),
    "data_copy": frozenset({"source", "target", "between", "service"}),
    "follower": frozenset({"source", "target", "between", "service", "link", "compare", "promoted"}),
    "link": frozenset({"from", "to"}),
    "move_check": frozenset({"follower"}),
    "slug_copy": frozenset({"slug", "between"}),
    "move": frozenset({"from", "to"}),
    "move_copy": frozenset({"source", "target", "between", "service"}),
}
"""By type: what the address, the note beside it or another resource's line tells already."""

_LINKS: Final[Mapping[str, frozenset[str]]] = {
    "attachment": frozenset({"addon", "vars"}),
    "release": frozenset({"config", "slug", "attachments"}),
    "formation": frozenset({"release"}),
    "data_copy": frozenset({"source", "target"}),
    "follower": frozenset({"source", "target", "link"}),
    "move_check": frozenset({"follower"}),
    "slug_copy": frozenset({"slug"}),
    "move_copy": frozenset({"source", "target"}),
}
"""By type: what only follows another resource; that one's name stands among the causes."""

_DIGESTS: Final = frozenset(
    {
        ("slug", "source"),
        ("release", "config"),
        ("release", "slug"),
        ("release", "attachments"),
        ("formation", "release"),
        ("slug_copy", "slug"),
    }
)
"""(type, attribute) of values that we made. What somebody wrote is never shortened as one: hex is also a colour."""

_LABELS: Final[Mapping[tuple[str, str], str]] = {
    ("release", "command"): "release phase",
    ("release", "rollback_to"): "rolls back to release",
}
_HOLDERS: Final = ("vars.", "processes.")
"""Maps that are the resource itself: `vars.LOG_LEVEL` and `processes.web.size` are told without them."""


def leaves(change: Change, attributes: Attributes, *, everything: bool = False) -> Iterator[tuple[str, Value]]:
    """(path, value) of what was set and is not told elsewhere, sorted; a process type counts as one."""
    told = _TOLD.get(change.address.type, frozenset())
    for path, value in _flat(attributes):
        silent = value is None or path.partition(".")[0] in told or (path == "maintenance" and value is False)
        if everything or not silent:
            yield path, value


def told_fields(change: Change, *, everything: bool = False) -> Iterator[FieldChange]:
    """The changed fields, without those that only follow what another line of the plan tells."""
    links = _LINKS.get(change.address.type, frozenset())
    for item in change.fields:
        follows = item.path.partition(".")[0] in links and any(True for _ in references(item.after))
        if everything or not follows:
            yield item


def unchanged_count(change: Change) -> int:
    """How many more values somebody wrote for this resource, and keeps."""
    touched = [item.path for item in change.fields]
    return sum(
        not any(path == name or name.startswith(f"{path}.") or path.startswith(f"{name}.") for path in touched)
        for name, _ in leaves(change, change.after or {})
    )


def label(change: Change, path: str) -> str:
    for holder in _HOLDERS:
        path = path.removeprefix(holder)
    return printable(_LABELS.get((change.address.type, path), path))


def shown(change: Change, path: str, value: Value, width: int) -> str:
    """One attribute's value, at most about `width` characters."""
    if _is_process(path, value):
        return _process(cast("Mapping[str, Value]", value), width)
    return show(value, width, is_digest=_is_digest(change, path))


def shown_change(change: Change, item: FieldChange, width: int) -> str:
    """One field before and after."""
    if _is_process(item.path, item.after) and item.before is None:
        return f"{shown(change, item.path, item.after, width)} (added)"
    if _is_process(item.path, item.before) and item.after is None:
        return f"{shown(change, item.path, item.before, width)} (removed)"
    return show_change(item.before, item.after, width, is_digest=_is_digest(change, item.path))


def _is_digest(change: Change, path: str) -> bool:
    return (change.address.type, path.partition(".")[0]) in _DIGESTS


def _process(process: Mapping[str, Value], width: int) -> str:
    """`2 × standard-2x, "gunicorn shop:app", health "/healthz"`"""
    parts = [f"{show(process.get('quantity'))} × {printable(str(process.get('size')))}"]
    if process.get("command") is not None:
        parts.append(show(process["command"], width))
    if process.get("health") is not None:
        parts.append(f"health {show(process['health'], width)}")
    return ", ".join(parts)


def _is_process(path: str, value: Value) -> bool:
    return (
        path.startswith("processes.")
        and path.count(".") == 1
        and isinstance(value, Mapping)
        and {"command", "size", "quantity", "health"} >= cast("Mapping[str, Value]", value).keys() >= {"size"}
    )


def _flat(value: Mapping[str, Value], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Leaves of nested mappings, by dotted path, sorted."""
    for key in sorted(value):
        item, path = value[key], f"{prefix}{key}"
        if isinstance(item, Mapping) and not _is_process(path, item):
            yield from _flat(cast("Mapping[str, Value]", item), f"{path}.")
        else:
            yield path, item
