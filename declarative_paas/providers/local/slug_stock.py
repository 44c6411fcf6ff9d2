"""The slugs of a region on this machine, as another region gets them: archives, checked by digest on arrival."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.slugs import Readable, SlugLabel
from declarative_paas.providers.slugs.stack import Stack
from declarative_paas.providers.slugs.store import FORMAT, Slug, SlugStore

CHUNK: Final = 256 * 1024


class LocalSlugStock:
    """One region's store."""

    def __init__(self, store: SlugStore, stack: Stack) -> None:
        self._store = store
        # The digest is over the machine's kind and the languages' versions; see `Stack`.
        self._form = f"slug archive {FORMAT} of stack {stack.digest[:16]}"

    def has(self, slug_id: str) -> bool:
        return self._store.get(slug_id) is not None

    def takes(self, form: str) -> bool:
        return form == self._form

    def label(self, slug_id: str) -> SlugLabel | None:
        slug = self._store.get(slug_id)
        if slug is None:
            return None
        return SlugLabel(
            id=slug.id,
            form=self._form,
            digest=slug.archive_digest,
            size_bytes=slug.size_bytes,
            details={"process_types": dict(slug.process_types), "runtime_env": dict(slug.runtime_env)},
        )

    def export(self, slug_id: str) -> AbstractContextManager[Readable]:
        return self._store.archive_path(slug_id).open("rb")

    def import_(self, label: SlugLabel, source: Readable) -> None:
        """Another region that sends the same slug now, or a build of it, waits."""
        with self._store.lock(label.id):
            if self._store.get(label.id) is not None:
                return
            arriving = self._store.directory / f".arriving-{label.id}"
            try:
                if _written(arriving, source) != (label.size_bytes, label.digest):
                    raise ProviderError(ErrorKind.FAILED, f"slug {label.id[:8]} did not arrive as it was sent")
                arriving.chmod(0o644)
                arriving.replace(self._store.archive_path(label.id))
                self._store.add(_slug(self._store, label))
            except BaseException:
                arriving.unlink(missing_ok=True)
                self._store.remove(label.id)
                raise


def _written(path: Path, source: Readable) -> tuple[int, str]:
    """How many bytes came, and their SHA-256; they are on the disk afterwards."""
    size, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        while chunk := source.read(CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _slug(store: SlugStore, label: SlugLabel) -> Slug:
    return Slug(
        id=label.id,
        archive=store.archive_path(label.id),
        archive_digest=label.digest,
        size_bytes=label.size_bytes,
        process_types=dict(label.details["process_types"]),
        runtime_env=dict(label.details["runtime_env"]),
    )
