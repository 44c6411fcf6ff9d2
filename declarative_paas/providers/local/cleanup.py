"""Slugs that no release will need again: a disk must not fill up with every deploy."""

from __future__ import annotations

import time
from itertools import groupby

from declarative_paas.providers.local.region import LocalRegion

KEPT_RELEASES = 10
"""So far back a rollback finds its slug."""

UNTOUCHED_S = 24 * 3600.0
"""A younger slug may belong to a deploy that is on its way and not recorded yet."""


def remove_unused_slugs(region: LocalRegion) -> list[str]:
    """Keeps what is staged and what the last releases of every app use; the ids that went."""
    keep = {str(record.outputs["id"]) for record in region.records.all().values() if "size_bytes" in record.outputs}
    for _, releases in groupby(region.records.all_releases(), key=lambda release: release.app):
        keep.update(release.slug for release in list(releases)[-KEPT_RELEASES:])
    gone: list[str] = []
    for slug_id in sorted(region.slugs.ids() - keep):
        if time.time() - region.slugs.archive_path(slug_id).stat().st_mtime > UNTOUCHED_S:
            region.slugs.remove(slug_id)
            gone.append(slug_id)
    return gone
