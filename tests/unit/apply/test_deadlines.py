"""No step holds up the others for ever, and no region is asked more than it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from apply_case import SCOPE, Bench, ScriptedProvider, SteppingClock, want

from declarative_paas.apply.policy import DEADLINES_S, GRACE_S
from declarative_paas.core.event import EventKind
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Capabilities, Done, ErrorKind, StepContext, StepRequest


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


def test_a_call_that_never_returns_is_given_up_and_the_rest_goes_on(tmp_path: Path, released: threading.Event):
    clock = SteppingClock()

    def stuck(request: StepRequest, context: StepContext) -> Done:
        clock.pass_s(DEADLINES_S["app"] + GRACE_S + 1)
        released.wait(60)
        return Done(remote_id="late")

    bench = Bench(tmp_path, ScriptedProvider({"app.stuck": stuck}, parallelism=1), clock)
    plan = bench.plan(want("app.stuck"), want("slug.stuck", after=["app.stuck"]), want("app.zeta"))
    result = bench.apply(plan)
    assert [(str(item.step.address), item.error.kind) for item in result.failures] == [
        ("app.stuck", ErrorKind.CANCELLED)
    ]
    assert result.succeeded == {Operation.CREATE: 1}
    assert bench.kinds("slug.stuck") == ["step_skipped"]
    # It may still come about: the next plan looks for it.
    assert [str(intent.address) for intent in bench.store.snapshot(SCOPE).intents] == ["app.stuck"]


def test_a_step_knows_when_it_is_to_give_up(tmp_path: Path):
    asked: list[bool] = []

    def patient(request: StepRequest, context: StepContext) -> Done:
        asked.append(context.cancelled())
        return Done(remote_id="r")

    bench = Bench(tmp_path, ScriptedProvider({"app.shop": patient}))
    assert bench.apply(bench.plan(want("app.shop"))).ok
    assert asked == [False]


def test_a_region_that_counts_its_calls_is_not_asked_more_often(tmp_path: Path):
    class Counting(ScriptedProvider):
        def capabilities(self) -> Capabilities:
            return Capabilities(parallelism=2, calls_per_minute=6000)

    provider = Counting()
    bench = Bench(tmp_path, provider)
    asked: list[float] = []
    tools = bench.tools()
    from declarative_paas.apply import executor

    [bucket] = executor._rates(tools).values()
    reserve = [bucket.reserve(0.0) for _ in range(4)]
    asked.extend(reserve)
    assert asked == [0.0, 0.0, 0.01, 0.02]
    assert bench.apply(bench.plan(*(want(f"app.number-{index}") for index in range(5)))).ok
    assert len(provider.requests) == 5


def test_the_end_tells_the_outcome_and_what_was_done(tmp_path: Path):
    bench = Bench(tmp_path, ScriptedProvider())
    bench.apply(bench.plan(want("app.shop"), want("slug.shop", after=["app.shop"])))
    finished = bench.events[-1]
    assert finished.kind is EventKind.APPLY_FINISHED
    assert finished.to_json()["outcome"] == "succeeded"
    assert finished.to_json()["succeeded"] == {"create": 2}
