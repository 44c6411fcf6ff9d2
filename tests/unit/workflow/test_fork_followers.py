"""Forks whose data follows their source's, on a platform in memory, by the workflow itself: until they are promoted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fork_case import SHOP, ForkCase, codes
from move_case import killed, order, records

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.fork_review import DataFate
from declarative_paas.core.plan import Action, RiskKind, plan_from_json, plan_to_json
from declarative_paas.preview.forks import fork_lines
from declarative_paas.providers.memory.world import WorldFault
from declarative_paas.workflow.fork_undo import find_fork, plan_undo

SOURCE = "addon.shop/DATABASE"
TARGET = "addon.shop-eu/DATABASE"
FOLLOWER = "follower.shop-eu/DATABASE"
FORK: dict[str, Any] = {"from": "shop", "region": "eu", "data": {"DATABASE": "follow", "REDIS": "empty"}}


def fork(mode: str, **spec: Any) -> dict[str, Any]:
    return {**FORK, "data": {"DATABASE": mode, "REDIS": "empty"}, **spec}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    found.must_apply()
    found.write_row("us", SOURCE, "order 1", "two mugs")
    yield found
    found.close()


@pytest.fixture
def following(case: ForkCase) -> ForkCase:
    case.apps["shop-eu"] = FORK
    case.must_apply()
    return case


def is_settled(case: ForkCase) -> None:
    plan = case.plan().plan
    assert plan is not None
    assert plan.is_empty, [(str(change.address), change.causes) for change in plan.changes]
    assert (plan.drift, plan.refreshed) == ((), ())


def types(case: ForkCase) -> dict[str, str]:
    """What is recorded of what is brought from one region to another."""
    return {
        str(item.address): str(item.attributes.get("promoted")) for item in records(case) if "transfers" in item.region
    }


def test_a_follower_has_every_row_that_its_source_writes(following: ForkCase) -> None:
    assert following.rows("eu", TARGET) == {"order 1": "two mugs"}
    following.write_row("us", SOURCE, "order 2", "a poster")
    assert following.rows("eu", TARGET) == {"order 1": "two mugs", "order 2": "a poster"}
    with pytest.raises(WorldFault, match="can only be read"):
        following.write_row("eu", TARGET, "order 3", "a cup")
    is_settled(following)


def test_the_link_comes_before_the_follower_and_that_before_the_release(case: ForkCase) -> None:
    case.apps["shop-eu"] = FORK
    steps = order(case.plan())
    expected = ["app.shop-eu", "link.us-eu", FOLLOWER, "release.shop-eu", "formation.shop-eu"]
    places = [steps.index(f"create:{name}") for name in expected]
    assert places == sorted(places)
    assert steps.index(f"create:{TARGET}") < steps.index(f"create:{FOLLOWER}")


def test_within_a_region_nothing_links(case: ForkCase) -> None:
    case.apps["beside"] = {**FORK, "region": "us"}
    steps = order(case.plan())
    assert "create:follower.beside/DATABASE" in steps
    assert not [step for step in steps if "link." in step]


def test_the_plan_tells_what_follows_means(case: ForkCase) -> None:
    case.apps["shop-eu"] = FORK
    plan = case.plan().plan
    assert plan is not None
    database = plan.forks[0].addons[0]
    assert database.fate is DataFate.FOLLOWED
    assert database.size_bytes == len("order 1two mugs")
    text = "\n".join(fork_lines(plan))
    assert "copied first" in text
    assert "kept up to date from then on, read-only until it is promoted" in text
    risks = [risk for change in plan.changes if str(change.address) == FOLLOWER for risk in change.risks]
    assert [risk.kind for risk in risks] == [RiskKind.JURISDICTION_MOVE]
    assert "kept up to date" in risks[0].detail


def test_a_release_command_that_would_write_is_warned_of_once(case: ForkCase) -> None:
    case.apps["shop"] = {**SHOP, "release": "migrate"}
    case.must_apply()
    case.apps["shop-eu"] = FORK
    planned = case.plan()
    assert [one.code for one in planned.diagnostics if one.code == "follow-release"] == ["follow-release"]
    assert case.apply(planned).ok
    assert "follow-release" not in [one.code for one in case.plan().diagnostics]
    case.apps["beside"] = {**FORK, "region": "us", "release": None}
    assert "follow-release" not in [one.code for one in case.plan().diagnostics]


def test_the_word_copy_promotes_what_follows(following: ForkCase) -> None:
    following.write_row("us", SOURCE, "order 2", "a poster")
    following.apps["shop-eu"] = fork("copy")
    planned = following.plan()
    assert planned.plan is not None
    (change,) = [change for change in planned.plan.changes if str(change.address) == FOLLOWER]
    assert change.action is Action.UPDATE
    assert "it becomes shop-eu's own, and no longer follows shop" in change.causes[0]
    assert [risk.kind for risk in change.risks] == [RiskKind.PROMOTION]
    assert plan_from_json(plan_to_json(planned.plan)) == planned.plan
    steps = order(planned)
    assert steps.index(f"promote:{FOLLOWER}") < steps.index("delete:link.us-eu")
    assert steps.index(f"promote:{FOLLOWER}") < steps.index("update:release.shop-eu")
    assert not [step for step in steps if "data_copy" in step or f"update:{FOLLOWER}" in step]
    assert following.apply(planned).ok
    both = {"order 1": "two mugs", "order 2": "a poster"}
    following.write_row("us", SOURCE, "order 3", "in us")
    following.write_row("eu", TARGET, "order 3", "in eu")
    assert following.rows("us", SOURCE) == {**both, "order 3": "in us"}
    assert following.rows("eu", TARGET) == {**both, "order 3": "in eu"}
    assert following.memory("us").keeps(following.scope("us"), SOURCE, "any") is None
    is_settled(following)
    assert types(following) == {FOLLOWER: "True", "slug_copy.shop-eu": "None"}


def test_what_was_promoted_never_follows_again_but_as_a_new_add_on(following: ForkCase) -> None:
    following.apps["shop-eu"] = fork("copy")
    following.must_apply()
    following.write_row("eu", TARGET, "order 2", "in eu")
    following.apps["shop-eu"] = FORK
    refused = [one for one in following.plan().diagnostics if one.is_error]
    assert [one.code for one in refused] == ["fork-data-in-use"]
    assert f"--replace {TARGET}" in (refused[0].expected or "")
    target = ResourceAddress.parse(TARGET)
    planned = following.plan(replaces=[target], confirmed=[target])
    assert following.apply(planned).ok
    following.write_row("us", SOURCE, "order 3", "in us")
    assert following.rows("eu", TARGET) == {"order 1": "two mugs", "order 3": "in us"}
    is_settled(following)


def test_a_copy_of_its_own_may_be_made_anew_after_a_promotion(following: ForkCase) -> None:
    following.apps["shop-eu"] = fork("copy")
    following.must_apply()
    following.write_row("us", SOURCE, "order 2", "in us")
    target = ResourceAddress.parse(TARGET)
    planned = following.plan(replaces=[target], confirmed=[target])
    assert following.apply(planned).ok
    assert following.rows("eu", TARGET) == {"order 1": "two mugs", "order 2": "in us"}
    assert "data_copy.shop-eu/DATABASE" in types(following)
    is_settled(following)


@pytest.mark.parametrize("before", ["copy", "empty"])
def test_what_has_run_with_data_of_its_own_cannot_follow(case: ForkCase, before: str) -> None:
    case.apps["shop-eu"] = fork(before)
    case.must_apply()
    case.apps["shop-eu"] = FORK
    assert codes(list(case.plan().diagnostics)) == ["fork-data-in-use"]


def test_what_follows_becomes_empty_only_as_a_new_add_on(following: ForkCase) -> None:
    following.apps["shop-eu"] = fork("empty")
    assert codes(list(following.plan().diagnostics)) == ["fork-data-follows"]
    target = ResourceAddress.parse(TARGET)
    planned = following.plan(replaces=[target], confirmed=[target])
    assert following.apply(planned).ok
    assert following.rows("eu", TARGET) == {}
    following.write_row("eu", TARGET, "order 2", "in eu")
    is_settled(following)


def test_what_was_promoted_keeps_its_data_when_it_is_called_empty(following: ForkCase) -> None:
    following.apps["shop-eu"] = fork("copy")
    following.must_apply()
    following.apps["shop-eu"] = fork("empty")
    planned = following.plan()
    assert "fork-data-kept" in [one.code for one in planned.diagnostics]
    assert following.apply(planned).ok
    assert following.rows("eu", TARGET) == {"order 1": "two mugs"}
    is_settled(following)


def test_sharing_after_following_gives_the_add_on_up_by_name(following: ForkCase) -> None:
    following.apps["shop-eu"] = fork("share")
    assert codes(list(following.plan().diagnostics)) == ["unconfirmed-data-loss"]
    planned = following.plan(confirmed=[ResourceAddress.parse(TARGET)])
    steps = order(planned)
    assert steps.index(f"delete:{FOLLOWER}") < steps.index(f"delete:{TARGET}")
    assert following.apply(planned).ok
    is_settled(following)


def test_a_follower_that_was_left_behind_is_drift_and_is_copied_anew(following: ForkCase) -> None:
    leader = following.memory("eu").data(following.scope("eu"), TARGET)["follow"]["leader"]
    following.memory("us").unpublish(*leader[1:])
    planned = following.plan()
    assert planned.plan is not None
    assert [str(drift.address) for drift in planned.plan.drift] == [FOLLOWER]
    assert order(planned) == [f"update:{FOLLOWER}"]
    assert following.apply(planned).ok
    following.write_row("us", SOURCE, "order 2", "a poster")
    assert following.rows("eu", TARGET) == following.rows("us", SOURCE)
    is_settled(following)


def test_a_fork_is_promoted_although_its_source_is_gone(following: ForkCase) -> None:
    following.write_row("us", SOURCE, "order 2", "a poster")
    following.memory("us").set_unreachable("the region burns")
    following.apps["shop-eu"] = fork("copy")
    planned = following.plan(targets=["shop-eu"])
    assert order(planned)[0] == f"promote:{FOLLOWER}"
    assert following.apply(planned).ok
    following.write_row("eu", TARGET, "order 3", "in eu")
    assert len(following.rows("eu", TARGET)) == 3


def test_one_link_serves_all_forks_and_ends_with_the_last(following: ForkCase) -> None:
    following.apps["second"] = {**FORK}
    following.must_apply()
    for name, links in (("second", ["link.us-eu"]), ("shop-eu", [])):
        undoing, diagnostics = find_fork(following.world.project, name)
        assert (codes(diagnostics), undoing is None) == ([], False)
        assert undoing is not None
        addons = [ResourceAddress("addon", name, alias) for alias in ("DATABASE", "REDIS")]
        assert following.apply(plan_undo(following.world, undoing, addons)).ok
        del following.apps[name]
        assert [text for text in types(following) if text.startswith("link.")] == links
        assert not [item for item in records(following) if item.address.app == name]
        is_settled(following)
    assert following.rows("us", SOURCE) == {"order 1": "two mugs"}


@pytest.mark.parametrize("mode", ["follow", "copy"])
def test_nothing_is_made_of_a_followers_data_until_it_is_promoted(following: ForkCase, mode: str) -> None:
    following.apps["third"] = {"from": "shop-eu", "region": "us", "data": {"DATABASE": mode, "REDIS": "copy"}}
    assert codes(list(following.plan().diagnostics)) == ["fork-of-follower"]
    third = following.apps.pop("third")
    following.apps["shop-eu"] = fork("copy")
    following.must_apply()
    following.apps["third"] = third
    following.must_apply()
    assert following.rows("us", "addon.third/DATABASE") == {"order 1": "two mugs"}
    is_settled(following)


def test_a_source_that_is_followed_does_not_move(following: ForkCase) -> None:
    following.apps["shop"] = {**SHOP, "region": "eu"}
    assert "move-of-followed-app" in codes(list(following.plan().diagnostics))


def test_everything_is_destroyed_in_an_order_that_leaves_nothing(following: ForkCase) -> None:
    stateful = [item.address for item in records(following) if item.address.type == "addon"]
    planned = following.plan(destroy=True, confirmed=stateful)
    steps = order(planned)
    for later in (f"delete:{TARGET}", f"delete:{SOURCE}", "delete:link.us-eu"):
        assert steps.index(f"delete:{FOLLOWER}") < steps.index(later)
    for app in ("shop", "shop-eu"):
        assert steps.index("delete:link.us-eu") < steps.index(f"delete:app.{app}")
    assert following.apply(planned).ok
    assert records(following) == []


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("promoting", [False, True])
def test_a_follower_killed_at_any_commit_goes_on(tmp_path: Path, durable: bool, promoting: bool) -> None:
    kills = 0
    for at in range(60):
        directory = tmp_path / str(at)
        directory.mkdir()
        case = ForkCase(directory)
        try:
            case.must_apply()
            case.write_row("us", SOURCE, "order 1", "two mugs")
            case.apps["shop-eu"] = FORK
            if promoting:
                case.must_apply()
                case.apps["shop-eu"] = fork("copy")
            if not killed(case, case.plan(), at, durable=durable):
                break
            kills += 1
            case.write_row("us", SOURCE, "order 2", "meanwhile")
            case.must_apply()
            is_settled(case)
            assert set(case.rows("us", SOURCE)) == {"order 1", "order 2"}
            assert case.rows("eu", TARGET)["order 1"] == "two mugs"
            if not promoting:
                assert case.rows("eu", TARGET) == case.rows("us", SOURCE)
        finally:
            case.close()
    assert kills >= 4
