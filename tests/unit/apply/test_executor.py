from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from apply_case import SCOPE, Bench, ScriptedProvider, SteppingClock, ref, want

from declarative_paas.apply.executor import LEASE_TTL_S
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.event import EventKind
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Absent, Done, ErrorKind, Pending, ProviderError, StepContext, StepRequest
from declarative_paas.core.state import LeaseLost
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan
from declarative_paas.state.sqlite import SqliteStore


def test_outputs_reach_those_that_refer_to_them(tmp_path: Path):
    provider = ScriptedProvider(
        {"app.shop": lambda request, context: Done(remote_id="r", outputs={"url": "http://shop"})}
    )
    bench = Bench(tmp_path, provider)
    result = bench.apply(bench.plan(want("app.shop"), want("config.shop", {"vars": {"URL": ref("app.shop", "url")}})))
    assert result.ok
    assert provider.requests[1].attributes == {"vars": {"URL": "http://shop"}}


def test_a_secret_output_is_put_away_and_opened_only_for_the_step_that_needs_it(tmp_path: Path):
    secret = "postgres://u:hunter2@h/d"
    provider = ScriptedProvider(
        {"addon.shop/DB": lambda request, context: Done(remote_id="r", outputs={"url": Sensitive(secret)})}
    )
    bench = Bench(tmp_path, provider)
    bench.apply(
        bench.plan(want("addon.shop/DB"), want("attachment.shop/DB", {"vars": {"DB_URL": ref("addon.shop/DB", "url")}}))
    )
    given = provider.requests[1].attributes["vars"]["DB_URL"]
    assert isinstance(given, Sensitive)
    assert given.reveal() == secret
    records = {str(record.address): record for record in bench.store.snapshot(SCOPE).resources.values()}
    assert isinstance(records["addon.shop/DB"].outputs["url"], SecretRef)
    assert isinstance(records["attachment.shop/DB"].attributes["vars"]["DB_URL"], SecretRef)
    assert "hunter2" not in json.dumps([event.to_json() for event in bench.events])
    for path in tmp_path.iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_a_transient_error_is_tried_again_and_told(tmp_path: Path):
    tries: list[int] = []

    def flaky(request: StepRequest, context: StepContext) -> Done:
        tries.append(1)
        if len(tries) < 3:
            raise ProviderError(ErrorKind.TRANSIENT, "connection reset")
        return Done(remote_id="r")

    bench = Bench(tmp_path, ScriptedProvider({"app.shop": flaky}))
    assert bench.apply(bench.plan(want("app.shop"))).ok
    assert len(tries) == 3
    told = [(event.attempt, event.message) for event in bench.events if event.kind is EventKind.STEP_RETRIED]
    assert told == [
        (2, "connection reset; trying again (2 of 4)"),
        (3, "connection reset; trying again (3 of 4)"),
    ]


@pytest.mark.parametrize("kind", [ErrorKind.FAILED, ErrorKind.INVALID, ErrorKind.CONFLICT, ErrorKind.UNAVAILABLE])
def test_any_other_error_is_not_tried_again(tmp_path: Path, kind: ErrorKind):
    def refused(request: StepRequest, context: StepContext) -> Done:
        raise ProviderError(kind, "no", code="R10", detail=["last", "words"])

    provider = ScriptedProvider({"app.shop": refused})
    bench = Bench(tmp_path, provider)
    result = bench.apply(bench.plan(want("app.shop"), want("slug.shop", after=["app.shop"])))
    assert len(provider.requests) == 1
    assert [str(failure.step.address) for failure in result.failures] == ["app.shop"]
    assert list(result.skipped.values()) == [result.failures[0].step.id]
    failed = next(event for event in bench.events if event.kind is EventKind.STEP_FAILED)
    assert (failed.message, failed.code, failed.detail) == ("no", "R10", ("last", "words"))
    assert bench.kinds("slug.shop") == ["step_skipped"]


def test_a_bug_in_a_provider_fails_its_step_only_and_tells_no_value(tmp_path: Path):
    def buggy(request: StepRequest, context: StepContext) -> Done:
        raise ValueError("the password is hunter2")

    bench = Bench(tmp_path, ScriptedProvider({"app.bad": buggy}))
    result = bench.apply(bench.plan(want("app.bad"), want("app.good")))
    assert result.succeeded == {Operation.CREATE: 1}
    told = json.dumps([event.to_json() for event in bench.events])
    assert "internal error (ValueError)" in told
    assert "hunter2" not in told


def test_a_pending_step_is_polled_to_its_end(tmp_path: Path):
    bench = Bench(
        tmp_path, ScriptedProvider({"app.shop": lambda request, context: Pending(token="t-1", retry_in_s=0.01)})
    )
    assert bench.apply(bench.plan(want("app.shop"))).ok
    (record,) = bench.store.snapshot(SCOPE).resources.values()
    assert record.remote_id == "t-1"


def test_the_provider_s_limit_is_kept_and_can_be_overridden(tmp_path: Path):
    apps = [want(f"app.number-{index}") for index in range(12)]
    gate = threading.Barrier(3, timeout=10)

    def together(request: StepRequest, context: StepContext) -> Done:
        gate.wait()
        return Done(remote_id="r")

    provider = ScriptedProvider({str(app.address): together for app in apps}, parallelism=3)
    bench = Bench(tmp_path, provider)
    assert bench.apply(bench.plan(*apps)).ok
    assert provider.most == 3
    alone = ScriptedProvider(parallelism=3)
    other = Bench(tmp_path / "other", alone)
    assert other.apply(other.plan(*apps), parallelism=1).ok
    assert alone.most == 1


def test_the_longest_remaining_path_starts_first(tmp_path: Path):
    provider = ScriptedProvider(parallelism=1)
    bench = Bench(tmp_path, provider)
    chain = [want("app.zz"), want("slug.zz", after=["app.zz"]), want("release.zz", after=["slug.zz"])]
    assert bench.apply(bench.plan(want("app.aa"), *chain)).ok
    assert str(provider.requests[0].address) == "app.zz"


def test_the_first_interruption_lets_running_steps_finish_and_starts_nothing(tmp_path: Path):
    bench = Bench(tmp_path, ScriptedProvider(parallelism=1))

    def interrupted(request: StepRequest, context: StepContext) -> Done:
        bench.interruption.stop.set()
        return Done(remote_id="r")

    bench.provider._scripts["app.shop"] = interrupted
    result = bench.apply(bench.plan(want("app.shop"), want("slug.shop", after=["app.shop"])))
    assert result.interrupted
    assert result.succeeded == {Operation.CREATE: 1}
    assert result.not_started == 1
    snapshot = bench.store.snapshot(SCOPE)
    assert [str(record.address) for record in snapshot.resources.values()] == ["app.shop"]
    assert snapshot.intents == ()
    bench.interruption.stop.clear()
    assert bench.apply(bench.plan(want("app.shop"), want("slug.shop", after=["app.shop"]))).ok


def test_the_second_interruption_returns_now_and_leaves_the_trace(tmp_path: Path):
    release = threading.Event()
    bench = Bench(tmp_path, ScriptedProvider())

    def hanging(request: StepRequest, context: StepContext) -> Done:
        bench.interruption.stop.set()
        bench.interruption.abandon.set()
        release.wait(20)
        return Done(remote_id="r")

    bench.provider._scripts["app.shop"] = hanging
    try:
        result = bench.apply(bench.plan(want("app.shop")))
        assert result.interrupted
        assert [str(intent.address) for intent in bench.store.snapshot(SCOPE).intents] == ["app.shop"]
    finally:
        release.set()


def test_an_intent_is_durable_before_its_step_begins(tmp_path: Path):
    seen: list[list[str]] = []
    bench = Bench(tmp_path, ScriptedProvider())

    def look(request: StepRequest, context: StepContext) -> Done:
        other = SqliteStore(bench.store.path, clock=bench.clock, keyring=lambda: pytest.fail("no secret is needed"))
        seen.append([intent.step_id for intent in other.snapshot(SCOPE).intents])
        other.close()
        return Done(remote_id="r")

    bench.provider._scripts["app.shop"] = look
    plan = bench.plan(want("app.shop"))
    bench.apply(plan)
    assert seen == [[plan.steps[0].id]]
    assert bench.store.snapshot(SCOPE).intents == ()


def test_a_failed_create_keeps_its_trace_and_a_failed_update_needs_none(tmp_path: Path):
    def failing(request: StepRequest, context: StepContext) -> Done:
        raise ProviderError(ErrorKind.FAILED, "no")

    bench = Bench(tmp_path, ScriptedProvider({"app.shop": failing}))
    bench.apply(bench.plan(want("app.shop")))
    assert [intent.operation for intent in bench.store.snapshot(SCOPE).intents] == [Operation.CREATE]
    bench.provider._scripts.clear()
    bench.apply(bench.plan(want("app.shop", {"name": "a"})))
    assert bench.store.snapshot(SCOPE).intents == ()
    bench.provider._scripts["app.shop"] = failing
    bench.apply(bench.plan(want("app.shop", {"name": "b"})))
    assert bench.store.snapshot(SCOPE).intents == ()


def test_a_holder_whose_lock_was_taken_over_writes_nothing_more(tmp_path: Path):
    clock = SteppingClock()
    bench = Bench(tmp_path, ScriptedProvider(), clock)
    clock_has_passed = threading.Event()
    taker = threading.Barrier(2, timeout=10)

    def slow(request: StepRequest, context: StepContext) -> Done:
        clock.pass_s(LEASE_TTL_S * 2)
        clock_has_passed.set()
        taker.wait()
        return Done(remote_id="r")

    def take_over() -> None:
        # Another process, with a connection of its own, finds the lock expired.
        clock_has_passed.wait(10)
        other = SqliteStore(bench.store.path, clock=clock, keyring=lambda: pytest.fail("no secret is needed"))
        other.acquire(SCOPE, "somebody else", 60.0)
        other.close()
        taker.wait()

    bench.provider._scripts["app.shop"] = slow
    plan = bench.plan(want("app.shop"), want("slug.shop", after=["app.shop"]))
    thread = threading.Thread(target=take_over)
    thread.start()
    with pytest.raises(LeaseLost, match="somebody else"):
        bench.apply(plan)
    thread.join()
    assert bench.store.snapshot(SCOPE).resources == {}


def test_the_lock_is_renewed_while_a_step_takes_long(tmp_path: Path):
    clock = SteppingClock(step_s=0.0)
    bench = Bench(tmp_path, ScriptedProvider(), clock)
    done = threading.Event()

    def long(request: StepRequest, context: StepContext) -> Done:
        # Three thirds of the lease pass, with the coordinator looking in between.
        for _ in range(4):
            clock.pass_s(LEASE_TTL_S / 3 + 1)
            done.wait(1.2)
        return Done(remote_id="r")

    bench.provider._scripts["app.shop"] = long
    assert bench.apply(bench.plan(want("app.shop"))).ok


def test_a_record_of_what_vanished_is_replaced_in_one_write(tmp_path: Path):

    bench = Bench(tmp_path, ScriptedProvider())
    bench.apply(bench.plan(want("app.shop")))
    snapshot = bench.store.snapshot(SCOPE)

    plan, _ = make_plan(
        PlanInputs(
            scope=SCOPE,
            desired={ResourceAddress("app", "shop"): want("app.shop")},
            snapshot=snapshot,
            readings=dict.fromkeys(snapshot.resources, Absent()),
            tool_version="test",
        )
    )
    bench.apply(plan)
    after = bench.store.snapshot(SCOPE)
    assert len(after.resources) == 1
    assert after.resources.keys() != snapshot.resources.keys()


def test_a_forgotten_record_asks_no_provider(tmp_path: Path):

    bench = Bench(tmp_path, ScriptedProvider())
    bench.apply(bench.plan(want("app.shop"), want("app.other")))
    bench.provider.requests.clear()
    snapshot = bench.store.snapshot(SCOPE)
    plan, _ = make_plan(
        PlanInputs(
            scope=SCOPE,
            desired={},
            snapshot=snapshot,
            readings=dict.fromkeys(snapshot.resources, Absent()),
            tool_version="test",
            destroy=True,
        )
    )
    assert bench.apply(plan).succeeded == {Operation.FORGET: 2}
    assert bench.provider.requests == []
    assert bench.store.snapshot(SCOPE).resources == {}
