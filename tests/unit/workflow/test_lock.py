"""Taking the lock, waiting for it, and what a killed command left in the history."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from declarative_paas.core.address import Scope
from declarative_paas.core.state import HistoryEntry, LockHeld
from declarative_paas.state.memory import MemoryState, MemoryStore
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow import lock
from declarative_paas.workflow.lock import await_lock, holder, holding_lock, settle_history

SCOPE = Scope("acme")
KEY = Keyring(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
DEAD = holder().replace(f"(process {os.getpid()},", "(process 4194304,")  # above the highest pid there is


class Clock:
    """Moves on by a second whenever it is asked how far it is, so that waiting takes no time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr(lock, "POLL_S", 0.0)
    return MemoryStore(MemoryState(), clock=clock, keyring=lambda: KEY)


def entry(name: str, outcome: str) -> HistoryEntry:
    return HistoryEntry(
        id=name,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at=None,
        actor="ann",
        command="apply",
        outcome=outcome,
        plan_digest="",
        summary={},
    )


def outcomes(store: MemoryStore) -> dict[str, str]:
    return {item.id: item.outcome for item in store.history(SCOPE)}


def test_a_lock_is_waited_for_until_it_is_free_and_its_holder_is_told_once(store: MemoryStore, clock: Clock) -> None:
    store.acquire(SCOPE, "ann@elsewhere (process 7)", ttl_s=20)
    told: list[LockHeld] = []
    await_lock(store, SCOPE, 60, clock=clock, on_wait=told.append)
    assert 20 <= clock.seconds < 30
    assert [held.holder for held in told] == ["ann@elsewhere (process 7)"]
    with holding_lock(store, SCOPE):
        pass


def test_a_lock_that_is_held_for_longer_than_one_waits_is_refused(store: MemoryStore, clock: Clock) -> None:
    store.acquire(SCOPE, "ann@elsewhere (process 7)", ttl_s=1000)
    with pytest.raises(LockHeld, match="ann@elsewhere"):
        await_lock(store, SCOPE, 60, clock=clock, on_wait=lambda held: None)
    assert 60 <= clock.seconds < 70


def test_a_free_lock_is_not_waited_for_and_stays_free(store: MemoryStore, clock: Clock) -> None:
    await_lock(store, SCOPE, 60, clock=clock, on_wait=lambda held: pytest.fail(f"waited for {held}"))
    store.acquire(SCOPE, "ann", ttl_s=60)


def test_a_refusal_names_the_holder_without_what_only_another_process_can_use(store: MemoryStore) -> None:
    store.acquire(SCOPE, holder(), ttl_s=60)  # of this very process, which lives
    with pytest.raises(LockHeld) as refusal, holding_lock(store, SCOPE):
        pass
    assert refusal.value.holder.endswith(f" (process {os.getpid()})")
    assert "epoch" not in str(refusal.value)


def test_whoever_takes_the_lock_ends_what_a_killed_command_left_as_running(store: MemoryStore) -> None:
    for name, outcome in (("1", "running"), ("2", "succeeded"), ("3", "running")):
        store.record(SCOPE, entry(name, outcome))
    with holding_lock(store, SCOPE):
        assert outcomes(store) == {"1": "interrupted", "2": "succeeded", "3": "interrupted"}


def test_a_history_is_settled_when_the_lock_is_free_or_its_holder_is_dead(store: MemoryStore) -> None:
    store.record(SCOPE, entry("1", "running"))
    settle_history(store, SCOPE)
    assert outcomes(store) == {"1": "interrupted"}
    store.record(SCOPE, entry("2", "running"))
    store.acquire(SCOPE, DEAD, ttl_s=60)
    settle_history(store, SCOPE)
    assert outcomes(store) == {"1": "interrupted", "2": "interrupted"}
    store.acquire(SCOPE, "ann", ttl_s=60)  # it was given back


def test_a_command_that_runs_stays_running_in_the_history(store: MemoryStore) -> None:
    store.record(SCOPE, entry("1", "running"))
    store.acquire(SCOPE, "ann@elsewhere (process 7)", ttl_s=60)
    settle_history(store, SCOPE)
    assert outcomes(store) == {"1": "running"}


def test_a_settled_history_takes_no_lock(store: MemoryStore) -> None:
    settle_history(store, SCOPE)
    assert store.scopes() == []
