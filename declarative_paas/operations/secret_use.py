"""Who uses a stored secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import SecretRef, Value


def users_of(name: str, snapshot: Snapshot) -> list[ResourceAddress]:
    """The recorded resources that were made with any version of the secret, sorted."""
    return sorted(
        {
            record.address
            for record in snapshot.resources.values()
            if any(ref.name == name for ref in _secrets([record.attributes, record.outputs]))
        }
    )


def _secrets(value: Value) -> Iterator[SecretRef]:
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, Mapping):
        yield from _secrets(list(cast("Mapping[str, Value]", value).values()))
    elif isinstance(value, (list, tuple)):
        for item in cast("Sequence[Value]", value):
            yield from _secrets(item)
