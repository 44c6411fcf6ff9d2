"""Moves between regions on a platform in memory, by the workflow itself: ADR 0003."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fork_case import FORK, SHOP, ForkCase, codes
from move_case import ADDONS, DATABASE, is_stopped, killed, moved, order, records, regions, settled, thing, to

from declarative_paas.core.plan import Action, RiskKind
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.core.state import Hold
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.move_status import read_moves
from declarative_paas.workflow.sources import read_sources


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    found.must_apply()
    found.write_row("us", DATABASE, "order-1", "two mugs")
    yield found
    found.close()


def test_a_changed_region_moves_the_app_with_its_data_and_keeps_the_old_side_stopped(case: ForkCase):
    moved(case)
    assert regions(case) == {"eu"}
    assert regions(case, InstanceStatus.RETAINED) == {"us"}
    assert case.rows("eu", DATABASE) == {"order-1": "two mugs"} == case.rows("us", DATABASE)
    assert is_stopped(case, "us")
    assert not is_stopped(case, "eu")
    after = case.plan().plan
    assert after is not None
    assert (after.is_empty, after.drift, after.refreshed) == (True, (), ())
    (status,) = read_moves(case.world.store.snapshot(case.world.project.scope))
    assert (status.destination, status.waiting, status.back) == ("eu", 0, False)


def test_the_freeze_stands_between_what_needs_no_data_and_the_copies(case: ForkCase):
    to(case, "eu")
    steps = order(case.plan())
    freeze = steps.index("freeze:app.shop")
    assert steps[0] == "create:move.shop"
    assert steps[freeze + 1] == "freeze:formation.shop"
    for name in ("app.shop", "addon.shop/DATABASE", "config.shop", "slug.shop", "domain.shop/www.example.com"):
        assert steps.index(f"create:{name}") < freeze
    behind = ["move_copy.shop/DATABASE", "release.shop", "formation.shop"]
    places = [steps.index(f"create:{name}") for name in behind]
    assert places == sorted(places)
    assert places[0] > freeze


def test_without_data_the_old_side_is_stopped_last_and_nothing_is_down(case: ForkCase):
    case.apps["shop"] = {**SHOP, "addons": []}
    assert case.apply(case.plan(confirmed=ADDONS)).ok
    to(case, "eu")
    planned = case.plan()
    assert order(planned)[-2:] == ["freeze:app.shop", "freeze:formation.shop"]
    assert planned.plan is not None
    assert not any(risk.kind is RiskKind.DOWNTIME for change in planned.plan.changes for risk in change.risks)
    assert case.apply(planned).ok
    assert is_stopped(case, "us")


def test_the_plan_tells_the_downtime_with_its_cause_and_no_loss_of_data(case: ForkCase):
    to(case, "eu")
    plan = case.plan().plan
    assert plan is not None
    risks = [risk for change in plan.changes for risk in change.risks]
    (downtime,) = [risk.detail for risk in risks if risk.kind is RiskKind.DOWNTIME]
    assert "with 503 until it serves from eu" in downtime
    assert "copied and verified first, about 1 s" in downtime
    kinds = {risk.kind for risk in risks}
    assert {RiskKind.REGION_MOVE, RiskKind.JURISDICTION_MOVE} <= kinds
    assert RiskKind.DATA_LOSS not in kinds


def test_going_back_serves_the_old_data_and_keeps_what_was_written_since(case: ForkCase):
    moved(case)
    case.write_row("eu", DATABASE, "order-2", "a pot")
    planned = case.plan(back=["shop"])
    assert planned.plan is not None
    losses = [c.address for c in planned.plan.changes for risk in c.risks if risk.kind is RiskKind.DATA_LOSS]
    assert sorted(losses) == ADDONS
    steps = order(planned)
    making = [step for step in steps if not step.startswith("delete:")]
    assert making[:3] == ["update:move.shop", "freeze:app.shop", "freeze:formation.shop"]
    assert case.apply(planned).ok
    assert regions(case) == {"us"}
    assert regions(case, InstanceStatus.RETAINED) == {"eu"}
    assert is_stopped(case, "eu")
    assert not is_stopped(case, "us")
    assert case.rows("us", DATABASE) == {"order-1": "two mugs"}
    assert case.rows("eu", DATABASE) == {"order-1": "two mugs", "order-2": "a pot"}
    # The manifest still says eu: nothing may move there again by itself.
    assert codes(list(case.plan().diagnostics)) == ["move-open"]
    to(case, "us")
    after = case.plan().plan
    assert after is not None
    assert (after.is_empty, after.drift, after.refreshed) == (True, (), ())


def test_the_old_region_in_the_manifest_alone_does_not_go_back(case: ForkCase):
    moved(case)
    to(case, "us")
    planned = case.plan()
    assert codes(list(planned.diagnostics)) == ["move-open"]
    assert "dpaas move back shop" in next(d.expected or "" for d in planned.diagnostics if d.is_error)


def test_finishing_deletes_the_old_side_by_name_and_only_then(case: ForkCase):
    moved(case)
    refused = case.plan(finish=["shop"])
    assert codes(list(refused.diagnostics)) == ["unconfirmed-data-loss", "unconfirmed-data-loss"]
    planned = case.plan(finish=["shop"], confirmed=ADDONS)
    assert planned.plan is not None
    assert {change.action for change in planned.plan.changes} == {Action.DELETE}
    assert order(planned)[-1] == "delete:move.shop"
    assert case.apply(planned).ok
    assert {item.status for item in records(case)} == {InstanceStatus.CURRENT}
    assert not [item for item in records(case) if item.address.type in ("move", "move_copy")]
    assert case.memory("us").read(case.scope("us")) == {}
    after = case.plan().plan
    assert after is not None
    assert (after.is_empty, after.refreshed) == (True, ())
    # And from here a new move may begin, the other way round.
    to(case, "us")
    case.must_apply()
    assert (regions(case), case.rows("us", DATABASE)) == ({"us"}, {"order-1": "two mugs"})


def test_finishing_and_going_back_need_an_open_move(case: ForkCase):
    for request in ({"back": ["shop"]}, {"finish": ["shop"]}):
        assert "no-open-move" in codes(list(case.plan(**request).diagnostics))
    assert "unknown-app" in codes(list(case.plan(back=["shp"]).diagnostics))


def test_a_source_that_somebody_started_again_is_stopped_again(case: ForkCase):
    moved(case)
    frozen = thing(case, "us", "formation.shop")["processes"]
    running = {name: {**process, "quantity": 1} for name, process in frozen.items()}
    case.memory("us").damage("formation.shop", attributes={"processes": running})
    planned = case.plan()
    assert order(planned) == ["freeze:formation.shop"]
    assert case.apply(planned).ok
    assert is_stopped(case, "us")


def test_what_refers_to_the_app_follows_when_it_serves(case: ForkCase):
    case.apps["api"] = {
        "region": "us",
        "source": {"path": "./src"},
        "config": {"SHOP": {"app": "shop", "attribute": "url"}},
        "formation": {"web": {"command": "serve", "size": "standard-1x", "quantity": 1}},
    }
    case.must_apply()
    to(case, "eu")
    steps = order(case.plan())
    assert steps.index("update:config.api") > steps.index("create:formation.shop")


def test_destroying_the_app_takes_both_sides(case: ForkCase):
    moved(case)
    assert case.apply(case.plan(destroy=True, confirmed=ADDONS)).ok
    assert records(case) == []
    assert case.memory("us").read(case.scope("us")) == {} == case.memory("eu").read(case.scope("eu"))


def test_an_app_that_leaves_the_manifests_takes_its_kept_side_along(case: ForkCase):
    moved(case)
    case.apps = {"other": {**SHOP, "addons": [], "domains": []}}
    assert case.apply(case.plan(confirmed=ADDONS)).ok
    assert {item.address.app for item in records(case)} == {"other"}
    assert {name.partition("#")[0].partition(".")[2] for name in case.memory("us").read(case.scope("us"))} == {"other"}


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (
            {"attached": {**SHOP, "addons": [{"attach": "shop/DATABASE", "as": "DB"}], "domains": []}},
            "move-of-shared-addon",
        ),
        ({"shop": {**SHOP, "residency": "US", "region": "eu"}}, "residency"),
    ],
)
def test_what_would_be_torn_or_taken_abroad_is_refused(case: ForkCase, spec: dict[str, Any], code: str):
    to(case, "eu")
    case.apps = {**case.apps, **spec}
    assert code in codes(list(case.plan().diagnostics))


def test_a_fork_that_was_made_with_a_copy_stays(case: ForkCase):
    case.apps["shop-eu"] = FORK
    case.must_apply()
    case.apps["shop-eu"] = {**FORK, "region": "us"}
    assert "move-of-fork" in codes(list(case.plan().diagnostics))


@pytest.mark.parametrize("durable", [False, True])
def test_a_move_killed_at_any_commit_goes_on(tmp_path: Path, durable: bool):
    kills = 0
    for at in range(60):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = ForkCase(directory)
        try:
            case.must_apply()
            case.write_row("us", DATABASE, "order-1", "two mugs")
            to(case, "eu")
            if not killed(case, case.plan(), at, durable=durable):
                break
            kills += 1
            case.must_apply()
            settled(case, "eu", {"us"})
            assert case.rows("eu", DATABASE) == {"order-1": "two mugs"} == case.rows("us", DATABASE)
        finally:
            case.close()
    assert kills >= 10


@pytest.mark.parametrize("ending", ["back", "finish"])
def test_the_end_of_a_move_killed_at_any_commit_goes_on(tmp_path: Path, ending: str):
    request: dict[str, Any] = {"back": ["shop"]} if ending == "back" else {"finish": ["shop"], "confirmed": ADDONS}
    kills = 0
    for at in range(60):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = ForkCase(directory)
        try:
            case.must_apply()
            case.write_row("us", DATABASE, "order-1", "two mugs")
            moved(case)
            case.write_row("eu", DATABASE, "order-2", "a pot")
            if not killed(case, case.plan(**request), at, durable=at % 2 == 0):
                break
            kills += 1
            # A plain apply never undoes what was begun, and brings no data the wrong way.
            plain = case.plan().plan
            assert plain is None or plain.is_empty
            rest = case.plan(**request)
            if rest.ok:
                assert case.apply(rest).ok
            if ending == "back":
                to(case, "us")
                settled(case, "us", {"eu"})
                assert case.rows("us", DATABASE) == {"order-1": "two mugs"}
                assert case.rows("eu", DATABASE)["order-2"] == "a pot"
            else:
                settled(case, "eu", set())
                assert case.rows("eu", DATABASE) == {"order-1": "two mugs", "order-2": "a pot"}
        finally:
            case.close()
    assert kills >= 8


def test_the_way_back_does_not_need_the_region_that_is_left(case: ForkCase):
    moved(case)
    case.memory("eu").set_unreachable("the line is cut")
    assert case.apply(case.plan(back=["shop"])).ok
    to(case, "us")
    assert regions(case) == {"us"}
    assert not is_stopped(case, "us")
    # What could not be stopped there is, as soon as it can be reached.
    case.memory("eu").set_unreachable("")
    assert order(case.plan()) == ["freeze:app.shop", "freeze:formation.shop"]
    case.must_apply()
    assert is_stopped(case, "eu")


def test_a_finish_waits_for_a_region_that_does_not_answer(case: ForkCase):
    moved(case)
    case.memory("us").set_unreachable("the line is cut")
    assert "move-unfinished" in codes(list(case.plan(finish=["shop"], confirmed=ADDONS).diagnostics))


def test_a_fork_stays_as_it_is_when_its_source_moves(case: ForkCase):
    case.apps["shop-eu"] = FORK
    case.must_apply()
    case.write_row("eu", "addon.shop-eu/DATABASE", "order-2", "the fork's own")
    moved(case)
    after = case.plan().plan
    assert after is not None
    assert after.is_empty, [(str(change.address), change.causes) for change in after.changes]
    assert case.rows("eu", "addon.shop-eu/DATABASE") == {"order-1": "two mugs", "order-2": "the fork's own"}
    assert case.rows("eu", DATABASE) == {"order-1": "two mugs"}


def test_an_app_that_is_held_at_a_release_stays_until_it_is_let_go(case: ForkCase):
    facts = read_sources(case.world.project.manifests)["shop"]
    hold = Hold(app="shop", version=1, source=facts.digest, since="2026-01-01T00:00:00+00:00", by="somebody")
    with holding_lock(case.world.store, case.world.project.scope) as lease:
        case.world.store.set_hold(lease, hold)
    to(case, "eu")
    assert "move-of-held-app" in codes(list(case.plan().diagnostics))


def test_what_was_refused_of_a_move_is_allowed_once_it_has_arrived(case: ForkCase):
    moved(case)
    case.apps["api"] = {**SHOP, "region": "eu", "domains": [], "addons": [{"attach": "shop/DATABASE", "as": "DB"}]}
    case.must_apply()
    assert codes(list(case.plan().diagnostics)) == []
