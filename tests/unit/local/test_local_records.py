from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.hosting.records import Record, ReleaseRecord
from declarative_paas.providers.local.records import RecordStore

APP = ResourceAddress("app", "shop")


def release(version: int, app: str = "shop", slug: str = "s") -> ReleaseRecord:
    return ReleaseRecord(
        app=app,
        version=version,
        slug=slug,
        environment="sealed",
        inputs={"command": None},
        status="succeeded",
        created_at="2026-01-01T00:00:00+00:00",
        description="Deploy",
        key="k",
    )


@pytest.fixture
def store(tmp_path: Path):
    found = RecordStore(tmp_path / "region.db")
    yield found
    found.close()


def test_a_record_is_read_back_as_it_was_put(store):
    record = Record(attributes={"a": [1, {"b": None}]}, outputs={"id": "x"}, sealed="s", facts={"f": True})
    store.put("acme", (APP, "i1"), record)
    assert store.get("acme", (APP, "i1")) == record
    assert store.all("acme") == {("acme", APP, "i1"): record}
    assert store.get("other", (APP, "i1")) is None


def test_the_newest_instance_at_an_address_is_the_current_one(store):
    store.put("acme", (APP, "old"), Record(attributes={"n": 1}))
    store.put("acme", (APP, "new"), Record(attributes={"n": 2}))
    current = store.current("acme", APP)
    assert current is not None
    assert current.attributes == {"n": 2}


def test_releases_are_in_order_and_of_their_own_app(store):
    for version in (2, 10, 1):
        store.put_release(release(version))
    store.put_release(release(1, app="other"))
    assert [item.version for item in store.releases("shop")] == [1, 2, 10]
    store.remove_releases("shop")
    assert store.releases("shop") == []
    assert len(store.releases("other")) == 1


def test_apps_that_claim_a_port_at_once_get_different_ones(store):
    found: dict[str, int | None] = {}

    def claim(name: str) -> None:
        found[name] = store.claim_app_port(name, 100, 199)

    threads = [threading.Thread(target=claim, args=(f"app-{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(port for port in found.values() if port is not None) == list(range(100, 120))
    assert store.claim_app_port("app-3", 100, 199) == found["app-3"]


def test_without_a_free_port_none_is_claimed_and_a_released_one_is_given_again(store):
    assert store.claim_app_port("one", 100, 100) == 100
    assert store.claim_app_port("two", 100, 100) is None
    store.release_app_port("one")
    assert store.claim_app_port("two", 100, 100) == 100


def test_only_the_owner_can_read_the_file(store, tmp_path: Path):
    store.put("acme", (APP, "i"), Record(attributes={}))
    for name in os.listdir(tmp_path):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o077 == 0, name


def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path):
    path = tmp_path / "region.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    before = path.read_bytes()
    with pytest.raises(ProviderError, match=r"region\.db"):
        RecordStore(path).all()
    assert path.read_bytes() == before
