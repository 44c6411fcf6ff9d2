"""Instance records: durable, private, and never half-read."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers import filelock
from declarative_paas.providers.addons.records import InstanceRecord, InstanceRecords, write_durably
from declarative_paas.vault.keyring import Keyring

KEYRING = Keyring(base64.urlsafe_b64encode(bytes(range(32))))


def record(key: str, service: str = "postgres") -> InstanceRecord:
    return InstanceRecord(
        key=key,
        service=service,
        app="shop",
        alias="DATABASE",
        plan={"connection_limit": 20, "persistent": True, "eviction": None},
        sealed=KEYRING.seal("hunter2"),
        details={"server": "postgres-18"},
    )


def test_a_record_reads_back_as_written_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    records = InstanceRecords(tmp_path)
    records.write(record("shop-database-1"))
    found = records.read("shop-database-1")
    assert found
    assert (found.key, found.plan, found.details, found.provisioned) == (
        "shop-database-1",
        record("x").plan,
        {"server": "postgres-18"},
        False,
    )
    assert KEYRING.open(found.sealed) == "hunter2"
    (path,) = (tmp_path / "instances").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600


def test_all_lists_one_service_and_removal_is_idempotent(tmp_path: Path) -> None:
    records = InstanceRecords(tmp_path)
    assert records.all("postgres") == {}
    records.write(record("shop-database-1"))
    records.write(record("shop-redis-1", "redis"))
    with records.lock("shop-database-1"):
        assert set(records.all("postgres")) == {"shop-database-1"}
    records.remove("shop-database-1")
    records.remove("shop-database-1")
    assert records.all("postgres") == {}
    assert records.read("shop-database-1") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "service": "postgres"}', "\x00"])
def test_a_damaged_record_raises_instead_of_reading_as_absent(tmp_path: Path, text: str) -> None:
    records = InstanceRecords(tmp_path)
    records.write(record("shop-database-1"))
    (path,) = (tmp_path / "instances").glob("*.json")
    path.write_text(text)
    with pytest.raises(ProviderError, match="damaged"):
        records.read("shop-database-1")
    with pytest.raises(ProviderError, match="damaged"):
        records.all("postgres")


def test_a_failed_write_keeps_the_old_text_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_durably(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ProviderError, match="No space left on device"):
        write_durably(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_keeps_other_threads_out_until_it_is_left(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with filelock.held(tmp_path / "lock"):
            order.append("second")

    with filelock.held(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_no_secret_shows_in_a_record_s_repr() -> None:
    assert record("shop-database-1").sealed not in repr(record("shop-database-1"))
