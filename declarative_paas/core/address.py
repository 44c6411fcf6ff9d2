"""Names of resources: `app.storefront`, `addon.storefront/DATABASE`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple


class ResourceAddress(NamedTuple):
    """A resource's name within one scope: its type, its app, and a name below the app if it has one.

    A tuple, because tuples are hashed and compared in C: a plan of 10,000 resources does so a million times.
    """

    type: str
    app: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> ResourceAddress:
        """`formation.storefront` or `addon.storefront/DATABASE`. Raises ValueError on anything else."""
        return _parse(text)

    def __str__(self) -> str:
        return f"{self.type}.{self.app}/{self.name}" if self.name else f"{self.type}.{self.app}"


@lru_cache(maxsize=65_536)
def _parse(text: str) -> ResourceAddress:
    # Cached: a state names each address once a record and again in every record that depends on it.
    kind, dot, rest = text.partition(".")
    app, slash, name = rest.partition("/")
    if not (kind and dot and app) or (slash and not name):
        raise ValueError(
            f"{text!r} is not a resource address like 'formation.storefront' or 'addon.storefront/DATABASE'"
        )
    return ResourceAddress(kind, app, name)


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Whose resources these are. A plan reads, changes and deletes only within its own scope."""

    platform: str
    environment: str = "default"
    stack: str = "main"

    @classmethod
    def parse(cls, text: str) -> Scope:
        """`acme/default/main`, or a part of it from the left. Raises ValueError on anything else."""
        parts = text.split("/")
        if not all(parts) or len(parts) > 3:
            raise ValueError(f"{text!r} is not a scope like 'acme/default'")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.platform}/{self.environment}/{self.stack}"
