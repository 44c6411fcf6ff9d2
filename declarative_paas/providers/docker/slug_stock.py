"""The slugs of a region on an engine, as another region gets them: the content of an image, and its labels."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.slugs import Readable, SlugLabel
from declarative_paas.providers.docker.engine import slug_image
from declarative_paas.providers.docker.engine.images import platform_of
from declarative_paas.providers.docker.engine.slug_ship import image_labels, incoming, incoming_image, outgoing
from declarative_paas.providers.docker.engine.stack import list_stacks

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion

CHUNK: Final = 256 * 1024
_FORM: Final = "slug image of stack "
_IMAGE: Final = "container image for "


class DockerSlugStock:
    """One region's."""

    def __init__(self, region: DockerRegion) -> None:
        self._region = region

    def has(self, slug_id: str) -> bool:
        return slug_image.find_slug(self._region.engine, self._region.owner, slug_id) is not None

    def takes(self, form: str) -> bool:
        if form.startswith(_IMAGE):
            return form == f"{_IMAGE}{platform_of(self._region.engine)}"
        return any(form == f"{_FORM}{stack.digest}" for stack in list_stacks(self._region.engine))

    def label(self, slug_id: str) -> SlugLabel | None:
        """The digest is of the content as the engine gives it: it is read for that, once more."""
        slug = slug_image.find_slug(self._region.engine, self._region.owner, slug_id)
        if slug is None:
            return None
        digest, size = hashlib.sha256(), 0
        with outgoing(self._region.engine, self._region.owner, slug) as pieces:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
        return SlugLabel(
            id=slug_id,
            form=f"{_IMAGE}{platform_of(self._region.engine, slug.id)}" if slug.is_image else f"{_FORM}{slug.stack}",
            digest=digest.hexdigest(),
            size_bytes=size,
            details={
                "stack": slug.stack,
                "labels": dict(image_labels(self._region.engine, slug)),
                "is_image": slug.is_image,
            },
        )

    @contextmanager
    def export(self, slug_id: str) -> Generator[Readable]:
        slug = slug_image.find_slug(self._region.engine, self._region.owner, slug_id)
        if slug is None:
            raise ProviderError(ErrorKind.INVALID, f"slug {slug_id[:8]} is not there")
        with outgoing(self._region.engine, self._region.owner, slug) as pieces:
            yield _Pieces(pieces=pieces)

    def import_(self, label: SlugLabel, source: Readable) -> None:
        """Two that send the same slug at once would take each other's container for a leftover."""
        digest, size = hashlib.sha256(), [0]

        def arriving() -> Iterator[bytes]:
            while piece := source.read(CHUNK):
                digest.update(piece)
                size[0] += len(piece)
                yield piece

        def accept() -> None:
            if (size[0], digest.hexdigest()) != (label.size_bytes, label.digest):
                raise ProviderError(ErrorKind.FAILED, f"slug {label.id[:8]} did not arrive as it was sent")

        region = self._region
        with region.files.locked(f"slug.{label.id}"):
            if not self.has(label.id):
                labels: dict[str, str] = label.details["labels"]
                if label.details.get("is_image"):
                    incoming_image(region.engine, region.owner, label.id, labels, arriving(), accept)
                    return
                stack = str(label.details["stack"])
                incoming(region.engine, region.owner, label.id, stack, labels, arriving(), accept)


@dataclass(slots=True, kw_only=True)
class _Pieces:
    """Pieces of any size as a stream."""

    pieces: Iterator[bytes]
    rest: bytes = b""

    def read(self, size: int, /) -> bytes:
        while not self.rest:
            piece = next(self.pieces, None)
            if piece is None:
                return b""
            self.rest = piece
        found, self.rest = self.rest[:size], self.rest[size:]
        return found
