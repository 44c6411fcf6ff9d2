"""What a region was told to be, as values, and where a platform keeps them.

It is the platform's own memory, as Heroku has its database: the engine's state is another thing and may be
lost without the platform losing track. Secret values are sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import InstanceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One instance. `attributes` and `outputs` are in their JSON form; `sealed` opens to a JSON object."""

    attributes: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sealed: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRecord:
    """A numbered release. `environment` is sealed; `inputs` are the release's attributes in JSON form."""

    app: str
    version: int
    slug: str
    environment: str
    inputs: Mapping[str, Any]
    status: str
    created_at: str
    description: str
    key: str


class Records(Protocol):
    """Durable: what was put is there after a crash. Safe from several threads and processes. Raises ProviderError."""

    def put(self, scope: str, key: InstanceKey, record: Record) -> None: ...

    def get(self, scope: str, key: InstanceKey) -> Record | None: ...

    def current(self, scope: str, address: ResourceAddress) -> Record | None:
        """The newest instance at an address."""
        ...

    def remove(self, scope: str, key: InstanceKey) -> None: ...

    def all(self, scope: str | None = None) -> dict[tuple[str, ResourceAddress, str], Record]:
        """Every record, of one scope or of all."""
        ...

    def put_release(self, release: ReleaseRecord) -> None: ...

    def releases(self, app: str) -> list[ReleaseRecord]:
        """Oldest first."""
        ...

    def all_releases(self) -> list[ReleaseRecord]:
        """By app, then oldest first."""
        ...

    def remove_releases(self, app: str) -> None: ...

    def erase(self) -> None:
        """Every record is gone: the region's last app is. Killed half way, the next call ends it."""
        ...

    def claim_app_port(self, app: str, first: int, last: int) -> int | None:
        """The app's port, claimed now unless it has one; None when all of them are taken."""
        ...

    def release_app_port(self, app: str) -> None: ...
