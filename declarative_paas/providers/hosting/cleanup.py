"""Slugs that no release will need again: a disk must not fill up with every deploy."""

from __future__ import annotations

from itertools import groupby

from declarative_paas.providers.hosting.host import RecordingHost
from declarative_paas.providers.hosting.records import Records

KEPT_RELEASES = 10
"""So far back a rollback finds its slug."""

UNTOUCHED_S = 24 * 3600.0
"""A younger slug may belong to a deploy that is on its way and not recorded yet."""


def needed_slugs(records: Records) -> set[str]:
    """What is staged and what the last releases of every app use."""
    keep = {str(record.outputs["id"]) for record in records.all().values() if "size_bytes" in record.outputs}
    for _, releases in groupby(records.all_releases(), key=lambda release: release.app):
        keep.update(release.slug for release in list(releases)[-KEPT_RELEASES:])
    return keep


def remove_unused_slugs(region: RecordingHost) -> list[str]:
    """The ids that went."""
    gone: list[str] = []
    for slug_id in sorted(region.slugs.ids() - needed_slugs(region.records)):
        if region.slugs.untouched_s(slug_id) > UNTOUCHED_S:
            region.slugs.remove(slug_id)
            gone.append(slug_id)
    return gone
