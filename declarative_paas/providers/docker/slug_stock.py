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
from declarative_paas.providers.docker.engine.slug_ship import image_labels, incoming, outgoing
from declarative_paas.providers.docker.engine.stack import list_stacks

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion

CHUNK: Final = 256 * 1024
_FORM: Final = "slug image of stack "


class DockerSlugStock:
    """One region's."""

    def __init__(self, region: DockerRegion) -> None:
        self._region = region

    def has(self, slug_id: str) -> bool:
        return slug_image.find_slug(self._region.engine, self._region.owner, slug_id) is not None

    def takes(self, form: str) -> bool:
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
            form=f"{_FORM}{slug.stack}",
            digest=digest.hexdigest(),
            size_bytes=size,
            details={"stack": slug.stack, "labels": dict(image_labels(self._region.engine, slug))},
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
