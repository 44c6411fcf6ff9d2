"""What a plan with forks tells its reviewer, refuses, and asks; and that the copies are made once and settled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_case import FORK, SHOP, ForkCase, codes

from declarative_paas.core.fork_review import DataFate, ForkReview
from declarative_paas.core.plan import RiskKind, plan_from_json, plan_to_json
from declarative_paas.preview.forks import fork_lines, fork_markdown


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def running(case: ForkCase) -> ForkCase:
    """The shop is there and has two orders."""
    case.must_apply()
    case.write_row("us", "addon.shop/DATABASE", "order 1", "two mugs")
    case.write_row("us", "addon.shop/DATABASE", "order 2", "a poster")
    return case


def review(case: ForkCase, name: str = "shop-eu", **request: object) -> ForkReview:
    plan = case.plan(**request).plan
    assert plan is not None
    (found,) = [fork for fork in plan.forks if fork.fork == name]
    return found


def test_a_plan_tells_of_a_fork_before_anything_runs(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    found = review(running)
    assert (found.from_jurisdiction, found.to_jurisdiction) == ("US", "EU")
    database, redis = found.addons
    assert (database.fate, database.size_bytes) == (DataFate.COPIED, 2 * len("order 1") + len("two mugsa poster"))
    assert database.seconds is not None
    assert "assumed" in database.remark
    assert redis.fate is DataFate.EMPTY
    assert found.price_cents > 0
    assert any("www.example.com" in left for left in found.left_behind)
    assert any("KEY" in left for left in found.left_behind)


def test_a_copy_under_another_law_is_a_risk_of_that_copy(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.apps["beside"] = {**FORK, "region": "us"}
    plan = running.plan().plan
    assert plan is not None
    risks = {
        str(change.address): [risk.kind for risk in change.risks]
        for change in plan.changes
        if change.address.type == "data_copy"
    }
    assert risks == {"data_copy.shop-eu/DATABASE": [RiskKind.JURISDICTION_MOVE], "data_copy.beside/DATABASE": []}


def test_without_a_refresh_no_source_is_asked(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.memory("us").set_unreachable("the cable is cut")
    planned = running.plan(refresh=False)
    assert codes(list(planned.diagnostics)) == []
    assert planned.plan is not None
    assert planned.plan.forks[0].addons[0].size_bytes is None
    assert "--no-refresh" in planned.plan.forks[0].addons[0].remark


def test_a_source_that_is_made_by_the_same_plan_is_forked_after_its_release(case: ForkCase) -> None:
    case.apps["shop-eu"] = FORK
    assert "made by this plan" in review(case).addons[0].remark
    case.must_apply()
    assert case.plan().plan is not None
    assert case.plan().plan.is_empty  # type: ignore[union-attr]


def test_a_later_plan_that_makes_no_fork_does_not_speak_of_it(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.must_apply()
    running.apps["shop"] = {**SHOP, "config": {"LOG": "debug", "KEY": {"generate": 32}}}
    plan = running.plan().plan
    assert plan is not None
    assert plan.changes
    assert plan.forks == ()


def test_a_saved_plan_keeps_what_it_told(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    plan = running.plan().plan
    assert plan is not None
    assert plan_from_json(plan_to_json(plan)).forks == plan.forks


def test_text_and_markdown_tell_the_same_facts(running: ForkCase) -> None:
    running.apps["shop-eu"] = {**FORK, "domains": {"www.example.com": "www.example.eu"}}
    plan = running.plan().plan
    assert plan is not None
    text, markdown = "\n".join(fork_lines(plan)), "\n".join(fork_markdown(plan))
    for fact in ("shop-eu", "US -> EU", "new and empty", "downtime", "goes on serving"):
        assert fact in text
    for fact in ("shop-eu", "US", "EU", "new and empty", "downtime", "goes on serving"):
        assert fact in markdown
    assert "www.example.com" not in text


def test_the_data_is_copied_once_and_the_fork_goes_its_own_way(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.must_apply()
    orders = {"order 1": "two mugs", "order 2": "a poster"}
    assert running.rows("eu", "addon.shop-eu/DATABASE") == orders
    running.write_row("eu", "addon.shop-eu/DATABASE", "order 3", "a cup, in EU")
    running.write_row("us", "addon.shop/DATABASE", "order 3", "a pen, in US")
    plan = running.plan().plan
    assert plan is not None
    assert plan.is_empty
    assert running.rows("us", "addon.shop/DATABASE") == {**orders, "order 3": "a pen, in US"}
    assert running.rows("eu", "addon.shop-eu/DATABASE") == {**orders, "order 3": "a cup, in EU"}


def test_forks_of_forks_and_several_forks_come_from_one_apply(running: ForkCase) -> None:
    running.apps |= {"shop-eu": FORK, "beside": {**FORK, "region": "us"}}
    running.apps["again"] = {"from": "shop-eu", "region": "us", "data": {"DATABASE": "copy", "REDIS": "copy"}}
    running.must_apply()
    for region, app in (("eu", "shop-eu"), ("us", "beside"), ("us", "again")):
        found = running.memory(region).data(running.scope(region), f"addon.{app}/DATABASE")
        assert found["rows"] == {"order 1": "two mugs", "order 2": "a poster"}
        assert found["mark"] is None


def test_copy_said_of_a_fork_that_has_run_is_refused_and_a_new_add_on_is_the_way(running: ForkCase) -> None:
    running.apps["shop-eu"] = {**FORK, "data": {"DATABASE": "empty", "REDIS": "empty"}}
    running.must_apply()
    running.apps["shop-eu"] = FORK
    assert codes(list(running.plan().diagnostics)) == ["fork-data-in-use"]
    from declarative_paas.core.address import ResourceAddress

    address = ResourceAddress("addon", "shop-eu", "DATABASE")
    assert codes(list(running.plan(replaces=[address], confirmed=[address]).diagnostics)) == []


def test_empty_said_after_a_copy_changes_nothing_and_a_note_tells(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.must_apply()
    running.apps["shop-eu"] = {**FORK, "data": {"DATABASE": "empty", "REDIS": "empty"}}
    planned = running.plan()
    assert codes(list(planned.diagnostics)) == []
    assert "fork-data-kept" in [one.code for one in planned.diagnostics]
    running.must_apply()
    assert running.rows("eu", "addon.shop-eu/DATABASE") == {"order 1": "two mugs", "order 2": "a poster"}


def test_an_add_on_that_the_source_gets_later_is_copied_into_the_fork_that_runs(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.must_apply()
    addons = [*SHOP["addons"], {"plan": "postgres:standard-0", "as": "ARCHIVE"}]
    running.apps["shop"] = {**SHOP, "addons": addons}
    running.apps["shop-eu"] = {**FORK, "data": {**FORK["data"], "ARCHIVE": "copy"}}
    running.must_apply()
    assert running.rows("eu", "addon.shop-eu/ARCHIVE") == {}


def test_a_region_that_cannot_send_its_slug_is_no_failure(running: ForkCase) -> None:
    running.apps["shop-eu"] = FORK
    running.must_apply()
    world = running.world
    (record,) = [
        record
        for (address, _), record in world.store.snapshot(world.project.scope).resources.items()
        if address.type == "slug_copy"
    ]
    assert record.outputs["shipped"] is False
    assert "cannot send slugs" in record.outputs["why_not"]
