"""Where slugs are kept: only whole ones count, and one at a time is worked on."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from declarative_paas.providers.slugs.store import Slug, SlugStore, file_digest


def stored(store: SlugStore, slug_id: str, content: bytes = b"archive") -> Slug:
    archive = store.archive_path(slug_id)
    archive.write_bytes(content)
    slug = Slug(
        id=slug_id,
        archive=archive,
        archive_digest=file_digest(archive),
        size_bytes=len(content),
        process_types={"web": "run"},
        runtime_env={"PATH": "{app}/bin:$PATH"},
    )
    store.add(slug)
    return slug


def test_what_was_stored_is_read_back(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    slug = stored(store, "aa")
    assert store.get("aa") == slug
    assert store.ids() == {"aa"}
    assert store.slugs() == [slug]
    assert store.is_intact(slug)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": 1}', '{"format": 99, "size_bytes": 7}'])
def test_a_damaged_description_is_no_slug(text: str, tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    stored(store, "aa")
    store.description_path("aa").write_text(text)
    assert store.get("aa") is None
    assert store.ids() == set()


def test_a_slug_of_a_later_format_is_not_guessed_at(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    stored(store, "aa")
    content = json.loads(store.description_path("aa").read_text())
    store.description_path("aa").write_text(json.dumps({**content, "new": 1}))
    assert store.get("aa") is None


def test_a_truncated_or_missing_archive_is_no_slug(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    stored(store, "aa")
    store.archive_path("aa").write_bytes(b"arch")
    assert store.get("aa") is None
    store.archive_path("aa").unlink()
    assert store.get("aa") is None


def test_an_archive_that_was_altered_in_place_is_not_intact(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    slug = stored(store, "aa")
    slug.archive.write_bytes(b"ARCHIVE")
    assert store.get("aa") == slug
    assert not store.is_intact(slug)


def test_gc_keeps_what_it_is_told_to_and_what_is_being_worked_on(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    for slug_id in ("aa", "bb", "cc"):
        stored(store, slug_id)
    store.archive_path("dd").write_bytes(b"without a description")
    with store.lock("cc"):
        assert store.gc({"aa"}) == ["bb", "dd"]
    assert store.ids() == {"aa", "cc"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aa.json", "aa.tar.gz", "cc.json", "cc.tar.gz"]


def test_gc_of_a_store_that_never_was_does_nothing(tmp_path: Path) -> None:
    assert SlugStore(tmp_path / "missing").gc(()) == []


def test_one_holds_a_slug_at_a_time_and_no_lock_file_stays(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with store.lock("aa"):
                inside.append(1)
                # Long enough for another to come in, if it could.
                time.sleep(0.0005)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 300
    assert max(most) == 1
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_wait_is_told_that_it_is_taken(tmp_path: Path) -> None:
    store = SlugStore(tmp_path)
    with store.lock("aa"):
        with store.lock("aa", wait=False) as held:
            assert not held
        with store.lock("bb", wait=False) as held:
            assert held
    with store.lock("aa", wait=False) as held:
        assert held
