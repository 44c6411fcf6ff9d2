"""The region's slugs, built on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.hosting.host import StoredSlug
from declarative_paas.providers.slugs.stack import Stack
from declarative_paas.providers.slugs.store import SlugStore

if TYPE_CHECKING:
    from declarative_paas.providers.local.slug_stock import LocalSlugStock


class LocalSlugs(SlugStore):
    """A store that is filled by building as the dynos' user."""

    def __init__(self, directory: Path, *, stack: Stack, user: str | None, timeout_s: float) -> None:
        super().__init__(directory)
        self._stack = stack
        self._user = user
        self._timeout_s = timeout_s

    def build(
        self,
        source: Path,
        *,
        expected_digest: str,
        build: str | None,
        stack: str | None,
        on_line: Callable[[str], None],
    ) -> StoredSlug:
        """There is one stack here, the machine's own system: asking for another is refused at plan time."""
        from declarative_paas.providers.slugs.build import BuildFailed, build_source
        from declarative_paas.providers.slugs.source import SourceError

        try:
            slug = build_source(
                source,
                expected_digest=expected_digest,
                build=build,
                stack=self._stack,
                store=self,
                user=self._user,
                on_line=on_line,
                timeout_s=self._timeout_s,
            )
        except SourceError as problem:
            raise ProviderError(ErrorKind.INVALID, str(problem)) from None
        except BuildFailed as failure:
            raise ProviderError(ErrorKind.FAILED, str(failure), detail=failure.lines) from None
        return StoredSlug(id=slug.id, size_bytes=slug.size_bytes)

    def stock(self) -> LocalSlugStock:
        from declarative_paas.providers.local.slug_stock import LocalSlugStock

        return LocalSlugStock(self, self._stack)

    def image(self, reference: str, *, on_line: Callable[[str], None]) -> str:
        raise ProviderError(ErrorKind.INVALID, f"provider local cannot run the container image {reference}")
