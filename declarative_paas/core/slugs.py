"""What a region must offer for its slugs to be sent to another one, so that the same source is built once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class SlugLabel:
    """A slug as another region must know it.

    `form` names its format and the stack it runs on: only a region that `takes` it can have it. `digest` is the
    SHA-256 of its bytes, `size_bytes` their number; `details` are plain JSON that its own form reads.
    """

    id: str
    form: str
    digest: str
    size_bytes: int
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Readable(Protocol):
    """Bytes on their way."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end. Raises OSError or ProviderError."""
        ...


@runtime_checkable
class SlugStock(Protocol):
    """One region's slugs. Methods may block and raise OSError or ProviderError."""

    def has(self, slug_id: str) -> bool:
        """Whether the slug is here whole; reads none of its bytes."""
        ...

    def takes(self, form: str) -> bool:
        """Whether slugs of this form run here."""
        ...

    def label(self, slug_id: str) -> SlugLabel | None:
        """Of a slug that is here whole; None for any other."""
        ...

    def export(self, slug_id: str) -> AbstractContextManager[Readable]:
        """The bytes of a slug that is here."""
        ...

    def import_(self, label: SlugLabel, source: Readable) -> None:
        """Takes a slug in. It counts only once all its bytes are here and are those of the label.

        Raises ProviderError (FAILED) when they are not; then nothing is left of it.
        """
        ...


@runtime_checkable
class SlugHolder(Protocol):
    """What a provider also offers whose region's slugs can be sent."""

    def slug_stock(self) -> SlugStock:
        """Raises ProviderError where slugs cannot be sent."""
        ...
