"""Field-level difference between what is wanted and what is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from declarative_paas.core.plan import FieldChange
from declarative_paas.core.resource_type import ResourceType
from declarative_paas.core.values import Attributes, Value, is_map

_ABSENT: Any = object()


def diff_attributes(
    wanted: Attributes, actual: Attributes, owned: Attributes, kind: ResourceType
) -> tuple[FieldChange, ...]:
    """The fields that must change for `actual` to become `wanted`, sorted by path.

    An attribute that is not wanted is not managed. Within a keyed attribute a key that is actual but
    neither wanted nor owned belongs to somebody else and is left alone. A reference is unequal to
    every value: it is there only because its value will be known later.
    """
    changes: list[FieldChange] = []
    for name in sorted(wanted):
        want, have = wanted[name], actual.get(name, _ABSENT)
        if want is have or want == have or name in kind.untracked:
            continue
        forces = name in kind.force_new
        if name in kind.keyed:
            changes.extend(_keyed(name, want, have, owned.get(name)))
        else:
            changes.extend(_nested(name, want, have, forces))
    return tuple(changes)


def _keyed(name: str, want: Value, have: Value, owned: Value) -> Iterator[FieldChange]:
    wanted: Mapping[str, Value] = want or {}
    actual: Mapping[str, Value] = have if is_map(have) else {}
    ours = set(owned) if is_map(owned) else set[str]()
    for key in sorted(wanted.keys() | (actual.keys() & ours)):
        yield from _nested(f"{name}.{key}", wanted.get(key, _ABSENT), actual.get(key, _ABSENT), False)


def _nested(path: str, want: Value, have: Value, forces: bool) -> Iterator[FieldChange]:
    if want is have or want == have:
        return
    if is_map(want) and is_map(have):
        for key in sorted(want.keys() | have.keys()):
            yield from _nested(f"{path}.{key}", want.get(key, _ABSENT), have.get(key, _ABSENT), forces)
        return
    yield FieldChange(
        path=path,
        before=None if have is _ABSENT else have,
        after=None if want is _ABSENT else want,
        forces_replacement=forces,
    )
