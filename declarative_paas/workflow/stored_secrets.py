"""Secrets as records name them: which there are, and whose. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.values import SecretRef, Value, is_list, is_map

_OUTPUT: Final = re.compile(r"@[^/]+/[^/]+/[^/]+/(?P<address>[a-z]+\.[^/]+(?:/[^/.]+)?)\.(?P<output>[a-z_]+)")


def with_stored_versions(value: Value, stored: Mapping[str, SecretRef]) -> Value:
    """The value with each secret under the version that its value has in a store; others stay as they are."""
    if isinstance(value, SecretRef):
        here = stored.get(value.name)
        return here if here is not None and here.digest == value.digest else value
    if is_map(value):
        return {key: with_stored_versions(item, stored) for key, item in value.items()}
    if is_list(value):
        return [with_stored_versions(item, stored) for item in value]
    return value


def maker_of(name: str) -> tuple[ResourceAddress, str] | None:
    """Whose output a stored secret is, and which; None for one that a person stored."""
    match = _OUTPUT.fullmatch(name)
    return None if match is None else (ResourceAddress.parse(match["address"]), match["output"])
