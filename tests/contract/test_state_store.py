"""The promises of `StateStore`, kept by every implementation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_case import DURABLE, KEY, KINDS, SCOPE, Bench, ManualClock, at, hold, intent, opened, put, record

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import BegunText, HistoryEntry, Lease, LeaseLost, LockHeld, StateError, StepResult
from declarative_paas.core.values import UNKNOWN, Reference, SecretRef, Sensitive

OTHER = Scope("acme", "production")
CHILD = Path(__file__).with_name("store_child.py")


@pytest.fixture(params=sorted(KINDS))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with opened(request.param, tmp_path) as bench:
        yield bench


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with opened(request.param, tmp_path) as bench:
        yield bench


def lease(bench: Bench, scope: Scope = SCOPE) -> Lease:
    return bench.store.acquire(scope, "ann", 60)


# Reading nothing


def test_a_state_that_was_never_written_is_empty_and_reading_it_leaves_no_trace(bench: Bench) -> None:
    snapshot = bench.store.snapshot(SCOPE)
    assert (snapshot.lineage, snapshot.serial) == ("", 0)
    assert (dict(snapshot.resources), tuple(snapshot.intents)) == ({}, ())
    assert not bench.store.history(SCOPE)
    assert not bench.store.holds(SCOPE)
    assert not bench.store.scopes()
    assert not bench.store.names()
    assert bench.store.current("shop/key") is None
    assert not bench.store.remove("shop/key")
    with pytest.raises(StateError, match="shop/key version 1 is not stored"):
        bench.store.get(SecretRef("shop/key", 1))
    assert list(bench.place.iterdir()) == []


def test_the_lineage_names_one_state_for_good(bench: Bench) -> None:
    lease(bench)
    first = bench.store.snapshot(SCOPE).lineage
    again = bench.another()
    assert first
    assert again.snapshot(OTHER).lineage == first
    again.close()


# The lease


def test_a_held_lease_refuses_and_tells_by_whom_and_until_when(bench: Bench) -> None:
    held = lease(bench)
    bench.clock.pass_s(59)
    with pytest.raises(LockHeld) as refusal:
        bench.another().acquire(SCOPE, "bob", 60)
    assert (refusal.value.holder, refusal.value.since, refusal.value.expires) == ("ann", held.acquired, held.expires)
    assert held.expires - held.acquired == timedelta(seconds=60)
    assert "ann" in str(refusal.value)


def test_even_its_own_holder_cannot_take_a_lease_twice(bench: Bench) -> None:
    lease(bench)
    with pytest.raises(LockHeld):
        lease(bench)


def test_an_expired_lease_is_taken_over_with_a_higher_fence(bench: Bench) -> None:
    first = lease(bench)
    bench.clock.pass_s(60)
    second = bench.another().acquire(SCOPE, "bob", 60)
    assert second.fence > first.fence
    assert second.holder == "bob"


def test_who_holds_the_lease_is_told_without_taking_it(bench: Bench) -> None:
    assert bench.store.lease(SCOPE) is None
    assert list(bench.place.iterdir()) == []
    held = lease(bench)
    other = bench.another()
    assert other.lease(SCOPE) == held
    assert other.lease(OTHER) is None
    renewed = bench.store.renew(held, 60)
    assert other.lease(SCOPE) == renewed
    bench.clock.pass_s(60)
    assert other.lease(SCOPE) is None
    bench.store.release(lease(bench))
    assert other.lease(SCOPE) is None


def test_a_released_lease_is_free_at_once_and_the_next_fence_is_higher(bench: Bench) -> None:
    first = lease(bench)
    bench.store.release(first)
    assert lease(bench).fence > first.fence


def test_renewing_moves_the_end_and_nothing_else(bench: Bench) -> None:
    first = lease(bench)
    bench.clock.pass_s(50)
    renewed = bench.store.renew(first, 60)
    assert renewed == replace(first, expires=bench.clock.now() + timedelta(seconds=60))
    bench.clock.pass_s(55)
    with pytest.raises(LockHeld):
        bench.another().acquire(SCOPE, "bob", 60)


def test_a_holder_that_was_paused_and_replaced_can_write_nothing(bench: Bench) -> None:
    old = lease(bench)
    bench.store.commit(old, results=[put("app.shop")])
    bench.store.set_hold(old, hold("shop"))
    bench.clock.pass_s(61)
    new = bench.another().acquire(SCOPE, "bob", 60)
    before = bench.store.snapshot(SCOPE)
    with pytest.raises(LeaseLost, match="bob"):
        bench.store.commit(old, results=[put("app.blog")], intents=[intent("app.blog")])
    with pytest.raises(LeaseLost):
        bench.store.set_hold(old, hold("blog"))
    with pytest.raises(LeaseLost):
        bench.store.end_hold(old, "shop")
    with pytest.raises(LeaseLost):
        bench.store.renew(old, 60)
    assert bench.store.snapshot(SCOPE) == before
    assert [item.app for item in bench.store.holds(SCOPE)] == ["shop"]
    assert bench.store.commit(new, results=[put("app.blog")]) == before.serial + 1


def test_a_lease_is_lost_to_the_same_holders_next_one_too(bench: Bench) -> None:
    old = lease(bench)
    bench.clock.pass_s(61)
    new = lease(bench)
    with pytest.raises(LeaseLost):
        bench.store.commit(old, results=[put("app.shop")])
    with pytest.raises(LeaseLost):
        bench.store.renew(old, 60)
    assert bench.store.commit(new, results=[put("app.shop")]) == 1


def test_a_replaced_holder_cannot_release_its_successors_lease(bench: Bench) -> None:
    old = lease(bench)
    bench.clock.pass_s(61)
    bench.another().acquire(SCOPE, "bob", 60)
    bench.store.release(old)
    with pytest.raises(LockHeld, match="bob"):
        bench.another().acquire(SCOPE, "eve", 60)


def test_an_expired_lease_that_nobody_took_still_writes(bench: Bench) -> None:
    held = lease(bench)
    bench.clock.pass_s(3600)
    assert bench.store.commit(held, results=[put("app.shop")]) == 1
    bench.store.renew(held, 60)
    with pytest.raises(LockHeld):
        bench.another().acquire(SCOPE, "bob", 60)


def test_a_lease_that_was_given_back_writes_nothing(bench: Bench) -> None:
    held = lease(bench)
    bench.store.release(held)
    with pytest.raises(LeaseLost):
        bench.store.commit(held, results=[put("app.shop")])
    with pytest.raises(LeaseLost):
        bench.store.renew(held, 60)
    assert not bench.store.snapshot(SCOPE).resources


def test_a_dead_holders_lease_can_be_ended_early_and_then_writes_nothing(bench: Bench) -> None:
    dead = lease(bench)
    bench.another().expire(SCOPE, "ann")
    with pytest.raises(LeaseLost):
        bench.store.commit(dead, results=[put("app.shop")])
    assert bench.another().acquire(SCOPE, "bob", 60).fence > dead.fence


def test_ending_a_dead_holders_lease_spares_everybody_elses(bench: Bench) -> None:
    bench.store.expire(SCOPE, "ann")
    held, other = lease(bench), bench.store.acquire(OTHER, "dead", 60)
    bench.store.expire(SCOPE, "dead")
    assert bench.store.commit(held, results=[put("app.shop")]) == 1
    assert bench.store.commit(other, results=[put("app.shop")]) == 1
    with pytest.raises(LockHeld):
        bench.another().acquire(SCOPE, "bob", 60)


def test_leases_of_two_scopes_do_not_meet(bench: Bench) -> None:
    mine, theirs = lease(bench), lease(bench, OTHER)
    bench.store.commit(mine, results=[put("app.shop")])
    bench.store.commit(theirs, results=[put("app.blog")])
    assert [str(key[0]) for key in bench.store.snapshot(SCOPE).resources] == ["app.shop"]
    assert [str(key[0]) for key in bench.store.snapshot(OTHER).resources] == ["app.blog"]


# Commits


def test_a_commit_is_seen_by_others_at_once(bench: Bench) -> None:
    held = lease(bench)
    other = bench.another()
    assert not other.snapshot(SCOPE).resources
    bench.store.commit(held, results=[put("app.shop")], intents=[intent("app.blog")])
    assert other.snapshot(SCOPE) == bench.store.snapshot(SCOPE)
    assert other.snapshot(SCOPE).resources[(at("app.shop"), "i1")] == record("app.shop")
    other.close()


def test_a_commit_that_fails_writes_nothing_of_it(bench: Bench) -> None:
    held = lease(bench)
    bench.store.commit(held, results=[put("app.shop")], intents=[intent("app.blog")])
    before = bench.store.snapshot(SCOPE)
    unwritable = put("app.late", password=Sensitive("hunter2"))
    with pytest.raises(TypeError):
        bench.store.commit(
            held,
            results=[
                put("app.new"),
                StepResult(step_id="create:app.blog#i1", remove=(at("app.shop"), "i1")),
                unwritable,
            ],
            intents=[intent("app.other")],
        )
    assert bench.store.snapshot(SCOPE) == before
    assert bench.store.commit(held, results=[put("app.new")]) == before.serial + 1


def test_the_serial_grows_by_one_with_each_commit_that_changes_a_record(bench: Bench) -> None:
    held = lease(bench)
    store = bench.store
    assert store.commit(held) == 0
    assert store.commit(held, intents=[intent("app.shop")]) == 0
    assert store.commit(held, results=[put("app.shop"), put("app.blog")]) == 1
    assert store.commit(held, results=[put("app.shop")]) == 1, "the same record again"
    assert store.commit(held, results=[StepResult(step_id="x", error="failed")]) == 1
    assert store.commit(held, results=[StepResult(step_id="x", remove=(at("app.none"), "i1"))]) == 1
    assert store.commit(held, results=[put("app.shop", size="large")]) == 2
    assert store.commit(held, results=[StepResult(step_id="x", remove=(at("app.shop"), "i1"))]) == 3
    assert store.snapshot(SCOPE).serial == 3
    assert store.snapshot(OTHER).serial == 0


def test_a_commit_can_ask_for_a_serial_that_is_not_lower_than_another_states(bench: Bench) -> None:
    held = lease(bench)
    assert bench.store.commit(held, results=[put("app.shop")], at_least=7) == 7
    assert bench.store.commit(held, results=[put("app.shop", size="large")], at_least=7) == 8
    assert bench.store.commit(held, results=[put("app.shop", size="large")], at_least=3) == 8
    assert bench.store.commit(held, at_least=9) == 9
    assert bench.another().snapshot(SCOPE).serial == 9


def test_instances_of_one_address_are_apart(bench: Bench) -> None:
    held = lease(bench)
    bench.store.commit(held, results=[put("addon.shop/DB", "old"), put("addon.shop/DB", "new")])
    bench.store.commit(held, results=[StepResult(step_id="x", remove=(at("addon.shop/DB"), "old"))])
    assert list(bench.store.snapshot(SCOPE).resources) == [(at("addon.shop/DB"), "new")]


def test_one_result_can_write_a_record_and_remove_another(bench: Bench) -> None:
    held = lease(bench)
    bench.store.commit(held, results=[put("app.shop", "old")])
    result = StepResult(step_id="x", put=record("app.shop", "new"), remove=(at("app.shop"), "old"))
    bench.store.commit(held, results=[result])
    assert list(bench.store.snapshot(SCOPE).resources) == [(at("app.shop"), "new")]


def test_an_intent_stays_until_its_result_whatever_that_is(bench: Bench) -> None:
    held = lease(bench)
    wanted = [
        intent("app.done"),
        intent("app.failed"),
        intent("app.unsure"),
        intent("app.gone", operation=Operation.DELETE),
    ]
    bench.store.commit(held, intents=wanted)
    assert sorted(bench.another().snapshot(SCOPE).intents, key=lambda item: item.step_id) == sorted(
        wanted, key=lambda item: item.step_id
    )
    bench.store.commit(
        held,
        results=[
            put("app.done"),
            StepResult(step_id="create:app.failed#i1", error="refused"),
            StepResult(step_id="create:app.unsure#i1", error="timed out", keep_intent=True),
            StepResult(step_id="delete:app.gone#i1", remove=(at("app.gone"), "i1")),
        ],
    )
    assert list(bench.store.snapshot(SCOPE).intents) == [intent("app.unsure")]


def test_a_step_that_begins_again_in_the_commit_of_its_result_has_an_intent(bench: Bench) -> None:
    held = lease(bench)
    bench.store.commit(held, intents=[intent("app.shop")])
    failed = StepResult(step_id="create:app.shop#i1", error="busy")
    bench.store.commit(held, results=[failed], intents=[intent("app.shop")])
    assert list(bench.store.snapshot(SCOPE).intents) == [intent("app.shop")]


# History and holds


def entry(name: str, outcome: str = "running") -> HistoryEntry:
    return HistoryEntry(
        id=name,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at=None,
        actor="ann",
        command="apply",
        outcome=outcome,
        plan_digest="abc",
        summary={"create": 2},
        failures=("app.shop: ü",),
    )


def test_history_is_newest_first_also_within_a_second_and_past_ten(bench: Bench) -> None:
    names = [f"20260101T000000-{fence}" for fence in range(1, 13)]
    for name in names:
        bench.store.record(SCOPE, entry(name))
    bench.store.record(SCOPE, entry(names[3], "succeeded"))
    found = bench.another().history(SCOPE)
    assert [item.id for item in found] == names[::-1]
    assert found[8] == entry(names[3], "succeeded")
    assert not bench.store.history(OTHER)


def test_an_entry_is_written_with_the_commit_that_it_tells_of_or_not_at_all(bench: Bench) -> None:
    held = lease(bench)
    bench.store.record(SCOPE, entry("1"))
    bench.store.record(SCOPE, entry("2"))
    told = replace(entry("1"), summary={"create": 3}, steps=9, under_way=("create app.shop",))
    bench.store.commit(held, results=[StepResult(step_id="x", put=record("app.shop"))], entry=told)
    assert list(bench.another().history(SCOPE)) == [entry("2"), told]
    assert told.untouched == 4
    bench.clock.pass_s(61)
    bench.another().acquire(SCOPE, "bob", 60)
    with pytest.raises(LeaseLost):
        bench.store.commit(held, intents=[intent("app.blog")], entry=replace(told, summary={"create": 4}))
    assert list(bench.another().history(SCOPE)) == [entry("2"), told]


def test_the_plan_of_what_has_begun_is_kept_until_it_is_forgotten(bench: Bench) -> None:
    held, other = lease(bench), lease(bench, OTHER)
    assert bench.store.begun(SCOPE) is None
    bench.store.begin(held, entry("1"), "plan \u00fc 1")
    bench.store.begin(other, entry("7"), "elsewhere")
    assert list(bench.another().history(SCOPE)) == [entry("1")]
    assert bench.another().begun(SCOPE) == BegunText(entry="1", text="plan \u00fc 1")
    bench.store.begin(held, entry("2"), "plan 2")
    # One that has ended late takes nothing from the one that has begun since.
    bench.store.forget_begun(SCOPE, "1")
    assert bench.store.begun(SCOPE) == BegunText(entry="2", text="plan 2")
    bench.store.forget_begun(SCOPE, "2")
    assert bench.another().begun(SCOPE) is None
    assert bench.store.begun(OTHER) == BegunText(entry="7", text="elsewhere")


def test_who_has_lost_the_lease_begins_nothing(bench: Bench) -> None:
    held = lease(bench)
    bench.clock.pass_s(61)
    winner = bench.another().acquire(SCOPE, "bob", 60)
    bench.another().begin(winner, entry("2"), "his")
    with pytest.raises(LeaseLost):
        bench.store.begin(held, entry("1"), "mine")
    assert list(bench.store.history(SCOPE)) == [entry("2")]
    assert bench.store.begun(SCOPE) == BegunText(entry="2", text="his")


def test_holds_are_set_replaced_and_ended_one_an_app(bench: Bench) -> None:
    held = lease(bench)
    bench.store.set_hold(held, hold("shop", 3))
    bench.store.set_hold(held, hold("blog", 1))
    bench.store.set_hold(held, hold("shop", 2))
    assert list(bench.another().holds(SCOPE)) == [hold("blog", 1), hold("shop", 2)]
    bench.store.end_hold(held, "shop")
    bench.store.end_hold(held, "shop")
    assert list(bench.store.holds(SCOPE)) == [hold("blog", 1)]
    assert not bench.store.holds(OTHER)


def test_every_scope_that_was_ever_locked_is_listed(bench: Bench) -> None:
    lease(bench)
    lease(bench, OTHER)
    assert sorted(bench.another().scopes()) == [SCOPE, OTHER]


# Round trip

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
addresses = st.builds(
    ResourceAddress, names, names, st.one_of(st.just(""), st.from_regex(r"[A-Za-z0-9._*é-]{1,9}", fullmatch=True))
)
secret_refs = st.builds(SecretRef, texts, st.integers(0, 9), texts)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts, secret_refs,
    st.builds(Reference, addresses, texts), st.just(UNKNOWN),
)  # fmt: skip
keys = texts.filter(lambda text: text not in ("$ref", "$secret", "$unknown"))  # how core.values writes its own kinds
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
states = st.builds(
    ResourceState,
    address=addresses,
    instance=texts,
    region=texts,
    remote_id=texts,
    attributes=st.dictionaries(keys, values, max_size=4),
    outputs=st.dictionaries(keys, values, max_size=3),
    dependencies=st.lists(addresses, max_size=3).map(tuple),
    status=st.sampled_from(InstanceStatus),
    price_cents=st.none() | st.integers(0, 10**9),
    type_version=st.integers(1, 9),
)


def versions_in(value: object) -> list[int]:
    """Of all secrets inside, in order: equality of refs leaves them out."""
    match value:
        case SecretRef():
            return [value.version]
        case dict():
            return [version for item in value.values() for version in versions_in(item)]
        case list():
            return [version for item in value for version in versions_in(item)]
        case _:
            return []


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wanted=st.lists(states, max_size=4, unique_by=lambda item: item.key))
def test_what_is_recorded_is_read_back_alike(name: str, wanted: list[ResourceState]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = KINDS[name].open(Path(directory), ManualClock(), KEY)
        held = store.acquire(SCOPE, "ann", 60)
        store.commit(held, results=[StepResult(step_id=f"s{n}", put=item) for n, item in enumerate(wanted)])
        found = store.snapshot(SCOPE).resources
        store.close()
    assert dict(found) == {item.key: item for item in wanted}
    for item in wanted:
        assert versions_in(dict(found[item.key].attributes)) == versions_in(dict(item.attributes))


# Other processes


def child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_of_processes_that_race_for_a_new_states_lease_exactly_one_wins(durable: Bench) -> None:
    racers = [child("race", durable.name) for _ in range(2)]
    try:
        for racer in racers:
            assert racer.stdout and racer.stdout.readline() == "ready\n"
        for round_number in range(25):
            place = durable.place / str(round_number)
            place.mkdir()
            for racer in racers:
                assert racer.stdin
                racer.stdin.write(f"{place}\n")
                racer.stdin.flush()
            assert sorted(racer.stdout.readline() for racer in racers if racer.stdout) == ["held\n", "won\n"]
            assert durable.kind.verify(place) is None
    finally:
        for racer in racers:
            end(racer)


def test_a_killed_writer_loses_nothing_that_was_acknowledged(durable: Bench) -> None:
    last = -1
    for round_number, acknowledged in enumerate((3, 20, 1, 40, 7)):
        writer = child("commit", durable.name, str(durable.place), str(last + 1), str(round_number))
        try:
            assert writer.stdout
            lines = [writer.stdout.readline() for _ in range(acknowledged)]
            os.kill(writer.pid, signal.SIGKILL)
            lines += writer.stdout.readlines()
        finally:
            end(writer)
        told = [int(line) for line in lines if line.endswith("\n")]
        assert len(told) >= acknowledged
        assert durable.kind.verify(durable.place) is None
        reader = durable.another()
        snapshot = reader.snapshot(SCOPE)
        reader.close()
        numbers = sorted(int(key[0].app.removeprefix("a")) for key in snapshot.resources)
        # At most the one commit that was under way is there without having been told.
        assert numbers == list(range(numbers[-1] + 1))
        assert told[-1] <= numbers[-1] <= told[-1] + 1
        assert snapshot.serial == len(numbers)
        assert list(snapshot.intents) == [intent(f"app.a{numbers[-1] + 1}")]
        last = numbers[-1]


def test_processes_that_write_two_scopes_at_once_wait_for_each_other_and_lose_nothing(durable: Bench) -> None:
    environments = ("blue", "green")
    writers = [child("fill", durable.name, str(durable.place), environment, "60") for environment in environments]
    try:
        for writer in writers:
            assert writer.stdout and writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert [writer.wait() for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            end(writer)
    assert durable.kind.verify(durable.place) is None
    for environment in environments:
        snapshot = durable.store.snapshot(Scope("acme", environment))
        assert snapshot.serial == len(snapshot.resources) == 60
