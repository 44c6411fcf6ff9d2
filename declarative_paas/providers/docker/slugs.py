"""The region's slugs: images on its engine, built there."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.dyno_containers import IMAGE
from declarative_paas.providers.docker.engine import inventory, slug_build, slug_image
from declarative_paas.providers.docker.engine.images import ensure_image
from declarative_paas.providers.docker.engine.networks import Pool
from declarative_paas.providers.docker.engine.stack import find_stack
from declarative_paas.providers.hosting.host import StoredSlug

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion
    from declarative_paas.providers.docker.slug_stock import DockerSlugStock
    from declarative_paas.providers.slugs.docker_context import DockerBuild


class DockerSlugs:
    """Named by their key, which is the same on every engine for the same source, recipe and stack."""

    def __init__(self, region: DockerRegion) -> None:
        self._region = region

    def ids(self) -> set[str]:
        return {slug.key for slug in slug_image.list_slugs(self._region.engine, self._region.owner)}

    def untouched_s(self, slug_id: str) -> float:
        reference = slug_image.slug_reference(self._region.owner, slug_id)
        images = inventory.images(self._region.engine, self._region.owner.with_(role=slug_image.ROLE))
        made = [image.created_s for image in images if reference in image.tags]
        return time.time() - made[0] if made else 0.0

    def remove(self, slug_id: str) -> None:
        """One that a container still runs on stays; a later deploy removes it."""
        try:
            slug_image.remove_slug(self._region.engine, self._region.owner, slug_id)
        except ProviderError as problem:
            if problem.kind is not ErrorKind.TRANSIENT:
                raise

    def build(
        self,
        source: Path,
        *,
        expected_digest: str,
        build: str | None,
        stack: str | None,
        on_line: Callable[[str], None],
    ) -> StoredSlug:
        region = self._region
        on = region.stack if stack is None else find_stack(region.engine, stack)
        with self._building(expected_digest):
            slug = slug_build.build_slug(
                region.engine,
                region.owner,
                on,
                source,
                expected_digest=expected_digest,
                build=build,
                pool=Pool(cidr=region.pool),
                on_line=on_line,
                timeout_s=region.settings.seconds("build_timeout_s"),
            )
        return StoredSlug(id=slug.key, size_bytes=slug.size_bytes)

    def build_image(
        self, source: Path, how: DockerBuild, *, expected_digest: str, on_line: Callable[[str], None]
    ) -> StoredSlug:
        from declarative_paas.providers.docker.engine.image_build import build_image

        region = self._region
        with self._building(expected_digest):
            slug = build_image(
                region.engine,
                region.owner,
                source,
                how,
                expected_digest=expected_digest,
                pool=Pool(cidr=region.pool),
                on_line=on_line,
                timeout_s=region.settings.seconds("build_timeout_s"),
            )
        return StoredSlug(id=slug.key, size_bytes=slug.size_bytes)

    @contextmanager
    def _building(self, digest: str) -> Generator[None]:
        """One build of a source at a time: two would take each other's container for a leftover."""
        from declarative_paas.providers.slugs.source import SourceError

        with self._region.files.locked(f"build.{digest[:40]}"):
            try:
                yield
            except SourceError as problem:
                raise ProviderError(ErrorKind.INVALID, str(problem)) from None

    def stock(self) -> DockerSlugStock:
        from declarative_paas.providers.docker.slug_stock import DockerSlugStock

        return DockerSlugStock(self._region)

    def image(self, reference: str, *, on_line: Callable[[str], None]) -> str:
        return IMAGE + ensure_image(self._region.engine, reference, report=on_line)
