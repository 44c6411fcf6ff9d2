"""Backups: whole, private, the newest ten, and never instead of something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from broken_case import SCOPE, contents, make_state, open_state, put

from declarative_paas.core.state import StateError
from declarative_paas.state.backup import KEPT, backup, backups

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_a_backup_is_named_by_the_time_in_utc_and_is_for_its_owner_only(tmp_path: Path) -> None:
    make_state(tmp_path / "state.db")
    copy = backup(tmp_path / "state.db", now=NOW.astimezone(timezone(timedelta(hours=9))))
    assert copy == tmp_path / "backups" / "state-20260304T050607.000000Z.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert list(copy.parent.iterdir()) == [copy]


def test_a_backup_holds_what_was_committed_also_while_a_writer_is_at_work(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = open_state(path)
    lease = store.acquire(SCOPE, "ann", 60)
    store.commit(lease, results=[put("shop")])
    before = store.snapshot(SCOPE)
    copy = backup(path, now=NOW)
    store.commit(lease, results=[put("later")])
    store.close()
    opened = open_state(copy)
    assert opened.snapshot(SCOPE) == before
    opened.close()


def test_a_backup_put_in_the_states_place_is_the_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    before = make_state(path)
    copy = backup(path, now=NOW)
    path.unlink()
    copy.rename(path)
    store = open_state(path)
    assert store.snapshot(SCOPE) == before
    assert store.commit(store.acquire(SCOPE, "bob", 60), results=[put("more")]) == before.serial + 1
    ref = store.current("shop/key")
    assert ref is not None
    assert store.get(ref).reveal() == "hunter2"
    store.close()


def test_the_newest_ten_are_kept_and_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    make_state(tmp_path / "state-eu.db")
    made = [backup(path, now=NOW + timedelta(hours=hour)) for hour in range(KEPT)]
    other = backup(tmp_path / "state-eu.db", now=NOW)
    mine = path.parent / "backups" / "state-before-the-migration.db"
    mine.write_bytes(b"kept by hand")
    newest = [backup(path, now=NOW + timedelta(days=day)) for day in (1, 2)]
    assert backups(path) == [*newest[::-1], *made[:1:-1]]
    assert len(backups(path)) == KEPT
    assert other.exists()
    assert mine.read_bytes() == b"kept by hand"


def test_two_backups_of_one_moment_are_two(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    first, second = backup(path, now=NOW), backup(path, now=NOW)
    assert backups(path) == [second, first]


def test_of_no_state_no_backup_is_made(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"no state at .*state\.db"):
        backup(tmp_path / "state.db", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_state_is_not_backed_up_over_good_backups(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_state(path)
    good = backup(path, now=NOW)
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xa5" * (len(data) - 8192))
    before = contents(tmp_path)
    with pytest.raises(StateError, match="is damaged"):
        backup(path, now=NOW + timedelta(hours=1))
    assert backups(path) == [good]
    assert contents(tmp_path) == before
