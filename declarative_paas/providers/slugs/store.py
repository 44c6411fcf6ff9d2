"""Where slugs are kept: an archive and what is known of it, both named by the slug's id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug:
    """A built slug. `archive_digest` is the SHA-256 of the archive file."""

    id: str
    archive: Path
    archive_digest: str
    size_bytes: int
    process_types: Mapping[str, str] = field(default_factory=dict)
    runtime_env: Mapping[str, str] = field(default_factory=dict)


class SlugStore:
    """One directory. An archive counts only with its description, which is written last."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def directory(self) -> Path:
        return self._directory

    def archive_path(self, slug_id: str) -> Path:
        return self._directory / f"{slug_id}.tar.gz"

    def description_path(self, slug_id: str) -> Path:
        return self._directory / f"{slug_id}.json"

    def ids(self) -> set[str]:
        """Every slug that is whole."""
        archives = {path.name.removesuffix(".tar.gz") for path in self._directory.glob("*.tar.gz")}
        return archives & {path.stem for path in self._directory.glob("*.json")}

    def get(self, slug_id: str) -> Slug | None:
        archive = self.archive_path(slug_id)
        try:
            content = json.loads(self.description_path(slug_id).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if content.pop("format", None) != FORMAT or not archive.exists():
            return None
        return Slug(id=slug_id, archive=archive, **content)

    def add(self, slug: Slug) -> None:
        content = {
            "format": FORMAT,
            "archive_digest": slug.archive_digest,
            "size_bytes": slug.size_bytes,
            "process_types": dict(slug.process_types),
            "runtime_env": dict(slug.runtime_env),
        }
        path = self.description_path(slug.id)
        fresh = path.with_suffix(".fresh")
        fresh.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
        fresh.replace(path)

    def is_intact(self, slug: Slug) -> bool:
        """Whether the archive still is what was built."""
        try:
            return file_digest(slug.archive) == slug.archive_digest
        except OSError:
            return False

    def remove(self, slug_id: str) -> None:
        """The description first: a half-removed slug does not count."""
        self.description_path(slug_id).unlink(missing_ok=True)
        self.archive_path(slug_id).unlink(missing_ok=True)

    def gc(self, keep: Collection[str]) -> list[str]:
        """Removes every slug that is not to be kept; the ids that went."""
        gone = sorted(self.ids() - set(keep))
        for slug_id in gone:
            self.remove(slug_id)
        return gone


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
