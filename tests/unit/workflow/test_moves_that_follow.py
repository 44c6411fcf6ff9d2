"""Moves whose data follows before the freeze and is promoted in it, on a platform in memory, by the workflow itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fork_case import SHOP, ForkCase, codes
from move_case import ADDONS, DATABASE, is_stopped, killed, moved, order, records, regions, settled, to

from declarative_paas.core.plan import RiskKind, plan_from_json, plan_to_json
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.workflow.deploy import verify_saved_plan
from declarative_paas.workflow.move_status import MoveStatus, read_moves
from declarative_paas.workflow.resuming import plan_the_rest

FOLLOWER = "follower.shop/DATABASE"
REDIS = "addon.shop/REDIS"
FOLLOWING: dict[str, Any] = {**SHOP, "move": {"DATABASE": "follow"}}


def started(directory: Path) -> ForkCase:
    case = ForkCase(directory)
    case.apps["shop"] = FOLLOWING
    case.must_apply()
    case.write_row("us", DATABASE, "order-1", "two mugs")
    case.write_row("us", REDIS, "cart", "a pen")
    return case


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = started(tmp_path)
    yield found
    found.close()


def status(case: ForkCase) -> MoveStatus:
    (found,) = read_moves(case.world.store.snapshot(case.world.project.scope))
    return found


def test_how_data_would_come_along_changes_nothing_as_long_as_the_app_stays(case: ForkCase) -> None:
    plan = case.plan().plan
    assert plan is not None
    assert plan.is_empty


def test_it_follows_before_the_freeze_and_is_promoted_in_it(case: ForkCase) -> None:
    to(case, "eu")
    steps = order(case.plan())
    expected = [
        "create:link.us-eu",
        f"create:{FOLLOWER}",
        "freeze:app.shop",
        "freeze:formation.shop",
        f"promote:{FOLLOWER}",
        "create:release.shop",
        "create:formation.shop",
    ]
    places = [steps.index(name) for name in expected]
    assert places == sorted(places)
    # What cannot follow is copied in the freeze, and what needs no data comes before it.
    assert steps.index("freeze:formation.shop") < steps.index("create:move_copy.shop/REDIS")
    assert steps.index("create:slug.shop") < steps.index("freeze:app.shop")
    assert steps.index("create:formation.shop") < steps.index("create:move_check.shop/DATABASE")
    assert not [step for step in steps if "move_copy.shop/DATABASE" in step]


def test_nothing_that_serves_waits_for_the_comparison(case: ForkCase) -> None:
    to(case, "eu")
    plan = case.plan().plan
    assert plan is not None
    (check,) = [step.id for step in plan.steps if step.address.type == "move_check"]
    assert not [step for step in plan.steps if check in step.after]


def test_the_plan_tells_what_the_freeze_waits_for(case: ForkCase) -> None:
    to(case, "eu")
    plan = case.plan().plan
    assert plan is not None
    (downtime,) = [risk.detail for change in plan.changes for risk in change.risks if risk.kind is RiskKind.DOWNTIME]
    assert "DATABASE follows until then, promoted in seconds" in downtime
    assert "MB of others are copied and verified first" in downtime
    (follower,) = [change for change in plan.changes if str(change.address) == FOLLOWER]
    assert "copied and verified, then kept up to date until the freeze" in follower.causes[-1]
    assert {risk.kind for risk in follower.risks} == {RiskKind.JURISDICTION_MOVE}
    assert plan_from_json(plan_to_json(plan)) == plan


def test_the_data_is_there_is_compared_and_is_the_new_side_s_own(case: ForkCase) -> None:
    moved(case)
    assert case.rows("eu", DATABASE) == {"order-1": "two mugs"} == case.rows("us", DATABASE)
    assert case.rows("eu", REDIS) == {"cart": "a pen"}
    case.write_row("eu", DATABASE, "order-2", "a pot")
    assert "order-2" not in case.rows("us", DATABASE)
    settled(case, "eu", {"us"})
    assert is_stopped(case, "us")
    followed = status(case).followed["DATABASE"]
    assert followed.promoted
    assert followed.first is not None
    assert followed.first.rows == 1
    assert followed.check is not None
    assert followed.check.sentence == "compared afterwards: 1 of 1 the same"
    assert list(status(case).copied) == ["REDIS"]


def test_what_is_not_the_same_afterwards_is_told_and_warned_of_before_the_old_side_goes(case: ForkCase) -> None:
    to(case, "eu")
    world = case.memory("eu")
    promote = world.end_follow

    def damaging(scope: str, address: str, *, promoted: bool) -> None:
        promote(scope, address, promoted=promoted)
        world.write_row(scope, address, "order-1", "one mug")

    world.end_follow = damaging  # type: ignore[method-assign]
    case.must_apply()
    check = status(case).followed["DATABASE"].check
    assert check is not None
    assert check.wrong == ("row order-1: its content differs",)
    assert "move-differs" in [one.code for one in case.plan(finish=["shop"], confirmed=ADDONS).diagnostics]


def test_going_back_and_finishing_leave_no_follower_and_no_link(case: ForkCase) -> None:
    moved(case)
    case.write_row("eu", DATABASE, "order-2", "a pot")
    assert case.apply(case.plan(back=["shop"])).ok
    to(case, "us")
    settled(case, "us", {"eu"})
    assert case.rows("us", DATABASE) == {"order-1": "two mugs"}
    assert {item.address.type for item in records(case) if item.region == "transfers"} == {"move"}
    assert case.apply(case.plan(finish=["shop"], confirmed=ADDONS)).ok
    settled(case, "us", set())


def test_a_finish_deletes_the_follower_after_its_source_and_the_link_last(case: ForkCase) -> None:
    moved(case)
    planned = case.plan(finish=["shop"], confirmed=ADDONS)
    steps = order(planned)
    places = [steps.index(f"delete:{name}") for name in (DATABASE, FOLLOWER, "link.us-eu", "app.shop", "move.shop")]
    assert places == sorted(places)
    assert case.apply(planned).ok
    settled(case, "eu", set())
    assert [item for item in records(case) if item.region == "transfers"] == []
    # And it may move again, the other way round.
    moved_back = case.apps["shop"]
    case.apps["shop"] = {**moved_back, "region": "us"}
    case.must_apply()
    assert case.rows("us", DATABASE) == {"order-1": "two mugs"}


def test_what_was_begun_one_way_does_not_go_on_the_other(case: ForkCase) -> None:
    moved(case)
    case.apps["shop"] = {**SHOP, "region": "eu"}
    settled(case, "eu", {"us"})
    case.apps["shop"] = {**SHOP, "region": "eu", "move": {"DATABASE": "follow", "REDIS": "copy"}}
    settled(case, "eu", {"us"})


def test_the_slug_is_sent_and_not_built_again(case: ForkCase) -> None:
    to(case, "eu")
    planned = case.plan()
    steps = order(planned)
    assert steps.index("create:slug_copy.shop") < steps.index("create:slug.shop") < steps.index("freeze:app.shop")
    assert planned.plan is not None
    (copy,) = [change for change in planned.plan.changes if change.address.type == "slug_copy"]
    (built,) = [item.outputs["id"] for item in records(case) if item.address.type == "slug"]
    assert copy.after is not None
    assert copy.after["slug"] == built


def test_another_source_in_the_same_plan_is_built_there(case: ForkCase) -> None:
    to(case, "eu")
    (case.directory / "src" / "index.html").write_text("<h1>new</h1>\n", encoding="utf-8")
    assert not [step for step in order(case.plan()) if "slug_copy" in step]
    case.must_apply()
    settled(case, "eu", {"us"})


@pytest.mark.parametrize("request_", [{"back": ["shop"]}, {"finish": ["shop"], "confirmed": ADDONS}])
def test_a_saved_plan_carries_what_ends_the_move(case: ForkCase, request_: dict[str, Any]) -> None:
    moved(case)
    plan = case.plan(**request_).plan
    assert plan is not None
    saved = plan_from_json(plan_to_json(plan))
    assert saved == plan
    planned = verify_saved_plan(case.world, saved)
    assert order(planned) == [step.id.partition("#")[0] for step in plan.steps]
    assert case.apply(planned).ok
    back = "back" in request_
    if back:
        to(case, "us")
    settled(case, "us" if back else "eu", {"eu"} if back else set())


@pytest.mark.parametrize(
    ("move", "code"),
    [({"REDIS": "follow"}, "follow-unsupported"), ({"CACHE": "copy"}, "unknown-in-move")],
)
def test_what_cannot_follow_is_said_before_the_app_moves(case: ForkCase, move: dict[str, str], code: str) -> None:
    case.apps["shop"] = {**SHOP, "move": move}
    assert codes(list(case.plan().diagnostics)) == [code]


def test_a_plan_without_followers_names_the_nearest_that_have(case: ForkCase) -> None:
    addons = [{"plan": "postgres:essential-0", "as": "DATABASE"}, {"plan": "redis:premium-0", "as": "REDIS"}]
    case.apps["shop"] = {**FOLLOWING, "addons": addons}
    (mistake,) = [one for one in case.plan().diagnostics if one.is_error]
    assert mistake.code == "follow-plan"
    assert "postgres:standard-0" in (mistake.suggestion or "")


@pytest.mark.parametrize("durable", [False, True])
def test_a_move_that_follows_killed_at_any_commit_goes_on(tmp_path: Path, durable: bool) -> None:
    kills = 0
    for at in range(60):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = started(directory)
        try:
            to(case, "eu")
            if not killed(case, case.plan(), at, durable=durable):
                break
            kills += 1
            case.must_apply()
            settled(case, "eu", {"us"})
            assert case.rows("eu", DATABASE) == {"order-1": "two mugs"} == case.rows("us", DATABASE)
            assert status(case).followed["DATABASE"].promoted
        finally:
            case.close()
    assert kills >= 10


@pytest.mark.parametrize("durable", [False, True])
def test_from_wherever_a_move_was_killed_there_is_a_way_back(tmp_path: Path, durable: bool) -> None:
    ways = 0
    for at in range(60):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = started(directory)
        try:
            to(case, "eu")
            if not killed(case, case.plan(), at, durable=durable):
                break
            planned = case.plan(back=["shop"])
            if not planned.ok:
                assert codes(list(planned.diagnostics)) == ["no-open-move"]  # nothing was begun that is recorded
                continue
            ways += 1
            assert case.apply(planned).ok
            to(case, "us")
            case.must_apply()
            settled(case, "us", regions(case, InstanceStatus.RETAINED))
            case.write_row("us", DATABASE, "order-2", "a pot")
            assert case.rows("us", DATABASE) == {"order-1": "two mugs", "order-2": "a pot"}
            assert not is_stopped(case, "us")
            assert {item.address.type for item in records(case) if item.region == "transfers"} == {"move"}
        finally:
            case.close()
    assert ways >= 8


@pytest.mark.parametrize("kind", ["move", "back", "finish"])
def test_whatever_was_interrupted_of_a_move_can_be_resumed(tmp_path: Path, kind: str) -> None:
    request: dict[str, Any] = {"back": {"back": ["shop"]}, "finish": {"finish": ["shop"], "confirmed": ADDONS}}.get(
        kind, {}
    )
    kills = 0
    for at in range(0, 60, 3):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = started(directory)
        try:
            if kind == "move":
                to(case, "eu")
            else:
                moved(case)
            if not killed(case, case.plan(**request), at, durable=at % 2 == 0):
                break
            kills += 1
            rest = plan_the_rest(case.world)
            assert rest.ok, [str(one) for one in rest.diagnostics]
            assert case.apply(rest).ok
            if kind == "back":
                to(case, "us")
            here, there = {"move": ("eu", {"us"}), "back": ("us", {"eu"}), "finish": ("eu", set[str]())}[kind]
            settled(case, here, there)
        finally:
            case.close()
    assert kills >= 3


@pytest.mark.parametrize("ending", ["back", "finish"])
def test_the_end_of_a_move_that_followed_killed_at_any_commit_goes_on(tmp_path: Path, ending: str) -> None:
    request: dict[str, Any] = {"back": ["shop"]} if ending == "back" else {"finish": ["shop"], "confirmed": ADDONS}
    kills = 0
    for at in range(60):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = started(directory)
        try:
            moved(case)
            case.write_row("eu", DATABASE, "order-2", "a pot")
            if not killed(case, case.plan(**request), at, durable=at % 2 == 0):
                break
            kills += 1
            plain = case.plan().plan
            assert plain is None or not [
                step for step in order(case.plan()) if step.startswith(("create:", "promote:"))
            ]
            rest = case.plan(**request)
            if rest.ok:
                assert case.apply(rest).ok
            if ending == "back":
                to(case, "us")
                settled(case, "us", {"eu"})
                assert case.rows("us", DATABASE) == {"order-1": "two mugs"}
            else:
                settled(case, "eu", set())
                assert regions(case, InstanceStatus.RETAINED) == set()
            assert case.rows("eu", DATABASE) == {"order-1": "two mugs", "order-2": "a pot"}
        finally:
            case.close()
    assert kills >= 8
