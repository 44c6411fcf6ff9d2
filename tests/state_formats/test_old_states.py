"""States of every format there was keep opening, and an upgrade happens whole, after a backup, or not at all."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import format_1
import format_2
import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import BegunText, Hold, Intent, LockHeld, StateError, StepResult
from declarative_paas.core.values import UNKNOWN, Reference, SecretRef
from declarative_paas.state.schema import FORMAT, UPGRADES, Formats
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring

BUILDERS: dict[int, Callable[[Path], None]] = {1: format_1.build, 2: format_2.build}
SCOPE = Scope("acme")
NOW = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
ADDON = ResourceAddress("addon", "shop", "DATABASE")


class StoppedClock:
    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


def open_state(path: Path, formats: Formats | None = None, now: datetime = NOW) -> SqliteStore:
    return SqliteStore(path, clock=StoppedClock(now), keyring=lambda: Keyring(format_1.KEY), formats=formats)


def test_every_format_has_a_builder_and_a_way_to_the_newest() -> None:
    assert sorted(BUILDERS) == list(range(1, FORMAT + 1))
    assert sorted(UPGRADES) == list(range(1, FORMAT))


def tables_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows}


def test_a_new_state_has_the_tables_of_the_newest_builder(tmp_path: Path) -> None:
    store = open_state(tmp_path / "new.db")
    store.acquire(SCOPE, "ann", 60)
    store.close()
    BUILDERS[FORMAT](tmp_path / "built.db")
    assert tables_of(tmp_path / "new.db") == tables_of(tmp_path / "built.db")


@pytest.mark.parametrize("number", sorted(BUILDERS))
def test_a_state_of_an_old_format_is_read_whole(tmp_path: Path, number: int) -> None:
    BUILDERS[number](tmp_path / "state.db")
    store = open_state(tmp_path / "state.db")
    snapshot = store.snapshot(SCOPE)
    assert (snapshot.lineage, snapshot.serial) == ("0123456789abcdef", 7)
    assert snapshot.resources[(ADDON, "i1")] == ResourceState(
        address=ADDON,
        instance="i1",
        region="us",
        remote_id="pg-1",
        attributes={"plan": "postgres:standard-0", "app": Reference(ResourceAddress("app", "shop"), "name")},
        outputs={"url": SecretRef("@shop/DATABASE.url", 2, "d2"), "size": UNKNOWN},
        dependencies=(ResourceAddress("app", "shop"),),
        price_cents=5000,
    )
    assert snapshot.resources[(ADDON, "i0")].status is InstanceStatus.DEPOSED
    blog = ResourceAddress("app", "blog")
    assert list(snapshot.intents) == [
        Intent(step_id="create:app.blog#i2", operation=Operation.CREATE, address=blog, instance="i2", region="eu")
    ]
    assert [entry.id for entry in store.history(SCOPE)] == ["20260101T000000-4", "20260101T000000-3"]
    last = store.history(SCOPE)[0]
    assert last.failures == ("app.shop: refused",)
    assert (last.steps, last.under_way, last.untouched) == {1: (0, (), 0)}.get(number, (6, ("create app.blog",), 2))
    begun = BegunText(entry="20260101T000000-4", text='{"format": 1}')
    assert store.begun(SCOPE) == {1: None}.get(number, begun)
    assert list(store.holds(SCOPE)) == [
        Hold(app="shop", version=3, source="s1", since="2026-01-01T00:00:00+00:00", by="ann")
    ]
    assert list(store.scopes()) == [SCOPE, Scope("acme", "eu")]
    ref = store.current("shop/key")
    assert ref is not None
    assert store.get(ref).reveal() == "hunter2"
    store.close()


@pytest.mark.parametrize("number", sorted(BUILDERS))
def test_a_state_of_an_old_format_is_written_on(tmp_path: Path, number: int) -> None:
    BUILDERS[number](tmp_path / "state.db")
    with pytest.raises(LockHeld, match=r"ann@host .process 1."):
        open_state(tmp_path / "state.db").acquire(SCOPE, "bob", 60)
    store = open_state(tmp_path / "state.db", now=NOW.replace(minute=2))
    lease = store.acquire(SCOPE, "bob", 60)
    assert lease.fence == 5
    assert store.commit(lease, results=[StepResult(step_id="x", remove=(ADDON, "i0"))]) == 8
    store.close()


def add_colour(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE scopes ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")


def add_shape(connection: sqlite3.Connection) -> None:
    # Only works on what the step before it made.
    connection.execute("UPDATE scopes SET colour = 'blue'")
    connection.execute("CREATE TABLE shapes (name TEXT) STRICT")


def fail_late(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE half (name TEXT) STRICT")
    connection.execute("UPDATE nothing SET x = 1")


build_newest = BUILDERS[FORMAT]
LATER = Formats(current=FORMAT + 2, upgrades={**UPGRADES, FORMAT: add_colour, FORMAT + 1: add_shape})


def test_an_upgrade_runs_every_step_once_after_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    build_newest(path)
    for _ in range(2):
        store = open_state(path, LATER)
        assert store.snapshot(SCOPE).serial == 7
        store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() == (str(FORMAT + 2),)
        assert connection.execute("SELECT DISTINCT colour FROM scopes").fetchall() == [("blue",)]
    (copy,) = (tmp_path / "backups").iterdir()
    assert tables_of(copy) == tables_of_newest(tmp_path)
    old = open_state(copy)
    assert old.snapshot(SCOPE).serial == 7
    old.close()


def tables_of_newest(folder: Path) -> dict[str, str]:
    build_newest(folder / "fresh.db")
    return tables_of(folder / "fresh.db")


def test_an_upgrade_that_fails_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    build_newest(path)
    store = open_state(path, Formats(current=FORMAT + 2, upgrades={FORMAT: add_colour, FORMAT + 1: fail_late}))
    with pytest.raises(StateError, match=r"state\.db could not be upgraded, and is as it was .*backups"):
        store.snapshot(SCOPE)
    store.close()
    assert tables_of(path) == tables_of_newest(tmp_path)
    old = open_state(path)
    assert old.snapshot(SCOPE).serial == 7
    old.close()


def test_a_format_that_nothing_leads_from_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    build_newest(path)
    store = open_state(path, Formats(current=FORMAT + 2, upgrades={FORMAT + 1: add_shape}))
    with pytest.raises(StateError, match=f"format {FORMAT} is too old"):
        store.snapshot(SCOPE)
    store.close()
    assert tables_of(path) == tables_of_newest(tmp_path)


def test_an_old_program_does_not_write_what_a_newer_one_upgraded_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    build_newest(path)
    old = open_state(path, now=NOW.replace(minute=2))
    lease = old.acquire(SCOPE, "ann", 60)
    new = open_state(path, LATER)
    new.snapshot(SCOPE)
    with pytest.raises(StateError, match=f"has format {FORMAT + 2}, this version knows {FORMAT}"):
        old.commit(lease, results=[StepResult(step_id="x", remove=(ADDON, "i0"))])
    assert (ADDON, "i0") in new.snapshot(SCOPE).resources
    old.close()
    new.close()
