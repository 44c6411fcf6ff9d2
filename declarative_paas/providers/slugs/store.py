"""Where slugs are kept: an archive and what is known of it, both named by the slug's id."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug:
    """A slug. `archive_digest` is the SHA-256 of the archive file; `built` tells whether this very call built it."""

    id: str
    archive: Path
    archive_digest: str
    size_bytes: int
    process_types: Mapping[str, str] = field(default_factory=dict[str, str])
    runtime_env: Mapping[str, str] = field(default_factory=dict[str, str])
    built: bool = field(default=False, compare=False)


class SlugStore:
    """One directory. An archive counts only with its description, which is written last, and in its full length."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def directory(self) -> Path:
        return self._directory

    def archive_path(self, slug_id: str) -> Path:
        return self._directory / f"{slug_id}.tar.gz"

    def description_path(self, slug_id: str) -> Path:
        return self._directory / f"{slug_id}.json"

    def scratch_path(self, slug_id: str) -> Path:
        """Where the slug is built."""
        return self._directory / f".building-{slug_id}"

    def ids(self) -> set[str]:
        """Every slug that is whole."""
        found = (path.stem for path in self._directory.glob("*.json") if not path.name.startswith("."))
        return {slug_id for slug_id in found if self.get(slug_id) is not None}

    def get(self, slug_id: str) -> Slug | None:
        """The slug; None when it is not there whole. Reads no content: see `is_intact`."""
        archive = self.archive_path(slug_id)
        try:
            content: Any = json.loads(self.description_path(slug_id).read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT or archive.stat().st_size != content["size_bytes"]:
                return None
            return Slug(id=slug_id, archive=archive, **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def slugs(self) -> list[Slug]:
        """Every slug that is whole, by id."""
        return [slug for slug in map(self.get, sorted(self.ids())) if slug is not None]

    def add(self, slug: Slug) -> None:
        """Makes the slug count; its archive is in place."""
        content = {
            "format": FORMAT,
            "archive_digest": slug.archive_digest,
            "size_bytes": slug.size_bytes,
            "process_types": dict(slug.process_types),
            "runtime_env": dict(slug.runtime_env),
        }
        fresh = self._directory / f".{slug.id}.json"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(content, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.description_path(slug.id))

    def is_intact(self, slug: Slug) -> bool:
        """Whether the archive still is what was built: reads all of it."""
        try:
            return file_digest(slug.archive) == slug.archive_digest
        except OSError:
            return False

    def untouched_s(self, slug_id: str) -> float:
        """How many seconds ago it was made; 0 when it is not there."""
        try:
            return time.time() - self.archive_path(slug_id).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def remove(self, slug_id: str) -> None:
        """The description first: a half-removed slug does not count."""
        self.description_path(slug_id).unlink(missing_ok=True)
        self.archive_path(slug_id).unlink(missing_ok=True)

    def gc(self, keep: Collection[str]) -> list[str]:
        """Removes every slug that is not to be kept and is not being built now; the ids that went."""
        names = (path.name for path in self._directory.glob("*") if not path.name.startswith("."))
        known = {name.removesuffix(".json").removesuffix(".tar.gz") for name in names}
        gone: list[str] = []
        for slug_id in sorted(known - set(keep)):
            with self.lock(slug_id, wait=False) as held:
                if held:
                    self.remove(slug_id)
                    gone.append(slug_id)
        return gone

    @contextmanager
    def lock(self, slug_id: str, *, wait: bool = True) -> Generator[bool]:
        """Holds what is about this slug alone, among all threads and processes. Without `wait`: whether it was free."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f".{slug_id}.lock"
        descriptor = _lock_file(path, wait=wait)
        if descriptor is None:
            yield False
            return
        try:
            yield True
        finally:
            # Removed while held: whoever waits for this file finds that it is no longer the one at this path.
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _lock_file(path: Path, *, wait: bool) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
