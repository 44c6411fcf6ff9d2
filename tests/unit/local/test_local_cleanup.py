from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

from test_local_records import release

from declarative_paas.core.address import ResourceAddress
from declarative_paas.providers.hosting.cleanup import KEPT_RELEASES, UNTOUCHED_S, remove_unused_slugs
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.local.records import RecordStore
from declarative_paas.providers.slugs.store import Slug, SlugStore, file_digest


def add_slug(store: SlugStore, name: str, *, old: bool = True) -> None:
    archive = store.archive_path(name)
    archive.write_bytes(b"archive")
    store.add(Slug(id=name, archive=archive, archive_digest=file_digest(archive), size_bytes=7))
    if old:
        before = time.time() - 2 * UNTOUCHED_S
        os.utime(archive, (before, before))


def test_slugs_of_old_releases_go_and_those_in_use_stay(tmp_path: Path):
    (tmp_path / "slugs").mkdir()
    slugs, records = SlugStore(tmp_path / "slugs"), RecordStore(tmp_path / "region.db")
    for version in range(1, KEPT_RELEASES + 3):
        records.put_release(release(version, slug=f"s{version}"))
        add_slug(slugs, f"s{version}")
    add_slug(slugs, "young", old=False)
    add_slug(slugs, "staged")
    staged = Record(attributes={}, outputs={"id": "staged", "size_bytes": 1})
    records.put("acme", (ResourceAddress("slug", "shop"), "i"), staged)
    region = SimpleNamespace(slugs=slugs, records=records)
    assert remove_unused_slugs(region) == ["s1", "s2"]
    assert "young" in slugs.ids()
    assert "staged" in slugs.ids()
    assert f"s{KEPT_RELEASES + 2}" in slugs.ids()
