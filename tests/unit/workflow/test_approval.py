"""When a new plan may run on the approval of an earlier one, and in which words it may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind, plan_from_json, plan_to_json
from declarative_paas.core.provenance import Provenance
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import UNKNOWN, Reference
from declarative_paas.workflow.approval import NotApproved, check_digest, check_plan
from declarative_paas.workflow.deploy import Planned

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG, APP = ResourceAddress("config", "shop"), ResourceAddress("app", "shop")
URL = Reference(APP, "url")


def change(address: ResourceAddress = CONFIG, **more: Any) -> Change:
    told: dict[str, Any] = {
        "address": address,
        "action": Action.UPDATE,
        "region": "us",
        "prior_region": "us",
        "instance": "i1",
        "before": {"vars": {"A": "1"}},
        "after": {"vars": {"A": "2"}},
    }
    return Change(**{**told, **more})


def plan(*changes: Change, **more: Any) -> Plan:
    told: dict[str, Any] = {"lineage": "l", "serial": 3, "tool_version": "1", "catalog_digest": "c"}
    return Plan(scope=Scope("acme"), changes=changes, **{**told, **more})


def planned(made: Plan, desired: Sequence[Resource] = (), records: Sequence[ResourceState] = ()) -> Planned:
    return Planned(
        plan=made,
        diagnostics=[],
        snapshot=Snapshot(lineage="l", serial=made.serial, resources={record.key: record for record in records}),
        desired={resource.address: resource for resource in desired},
    )


def reasons(approved: Plan, now: Planned, at: datetime = NOW) -> str:
    with pytest.raises(NotApproved) as told:
        check_plan(approved, now, at)
    return "\n".join(told.value.reasons)


def test_the_digest_is_over_everything_that_an_action_does() -> None:
    base = plan(change())
    for other in (
        change(address=ResourceAddress("config", "api")),
        change(action=Action.REPLACE),
        change(region="eu"),
        change(prior_region="eu"),
        change(before={"vars": {"A": "0"}}),
        change(after={"vars": {"A": "3"}}),
        change(moved_from=ResourceAddress("config", "old")),
        change(action=Action.REPLACE, create_before_destroy=True),
    ):
        assert plan(other).digest() != base.digest(), other
    replaced = plan(change(action=Action.REPLACE))
    assert replaced.digest() != plan(change(action=Action.REPLACE, create_before_destroy=True)).digest()
    assert replace(base, scope=Scope("acme", "staging")).digest() != base.digest()


def test_the_digest_is_over_nothing_else() -> None:
    base = plan(change(), change(APP))
    same = [
        plan(change(APP), change()),
        replace(base, serial=9, lineage="m", tool_version="2", provenance=Provenance(head="f" * 40, expires=NOW)),
        plan(change(position=Position("/here/dpaas.yaml", 3, 1), declared_in="x.yaml", causes=("why",)), change(APP)),
    ]
    assert {item.digest() for item in same} == {base.digest()}


def test_the_same_plan_is_approved_and_nothing_to_do_always_is() -> None:
    made = plan(change())
    check_digest(made.digest(), made)
    check_plan(made, planned(replace(made, serial=7)), NOW)
    check_digest("0" * 64, plan())
    with pytest.raises(NotApproved):
        check_digest("0" * 64, made)


def test_a_risk_that_rose_is_not_approved_though_the_actions_are_the_same() -> None:
    restart, loss = Risk(RiskKind.RESTART, "2 dynos"), Risk(RiskKind.DATA_LOSS, "all orders")
    approved = plan(change(risks=(restart,)))
    check_plan(approved, planned(plan(change(risks=()))), NOW)
    assert "! config.shop: data loss: all orders" in reasons(approved, planned(plan(change(risks=(restart, loss)))))
    dearer = planned(plan(change(price_after_cents=900)))
    assert "costs 900 cents a month, not 500" in reasons(plan(change(price_after_cents=500)), dearer)
    check_plan(plan(change(price_after_cents=900)), planned(plan(change(price_after_cents=500))), NOW)


def test_an_approval_for_something_else_is_none() -> None:
    made = plan(change())
    assert "for acme/eu/main" in reasons(replace(made, scope=Scope("acme", "eu")), planned(made))
    assert "its lineage differs" in reasons(replace(made, lineage="other"), planned(made))
    assert "an older state" in reasons(replace(made, serial=9), planned(made))
    until = replace(made, provenance=Provenance(expires=NOW))
    check_plan(until, planned(made), NOW)
    assert "held until 2026-01-01T00:00:00+00:00" in reasons(until, planned(made), NOW + timedelta(seconds=1))


def test_what_was_known_after_apply_may_be_known_by_now_from_where_it_was_to_come() -> None:
    approved = plan(change(after={"vars": {"A": URL, "B": UNKNOWN}}))
    now = plan(change(after={"vars": {"A": "http://shop", "B": "x"}}))
    wanted = Resource(address=CONFIG, region="us", attributes={"vars": {"A": URL, "B": Reference(APP, "id")}})
    check_plan(approved, planned(now, [wanted]), NOW)
    literal = Resource(address=CONFIG, region="us", attributes={"vars": {"A": "http://shop", "B": "x"}})
    assert "vars.A, vars.B" in reasons(approved, planned(now, [literal]))
    assert "vars.A, vars.B" in reasons(approved, planned(now))


def test_the_second_half_of_an_approved_replacement_goes_on() -> None:
    approved = plan(change(action=Action.REPLACE, instance="i2", prior_instance="i1"))
    made = change(action=Action.CREATE, instance="i3", before=None, prior_region=None)
    check_plan(approved, planned(plan(made)), NOW)
    check_plan(approved, planned(plan(change(action=Action.DELETE, instance="i1", after=None))), NOW)
    assert "replace then, delete now" in reasons(
        approved, planned(plan(change(action=Action.DELETE, instance="i2", after=None)))
    )
    assert "replace then, create now" in reasons(approved, planned(plan(replace(made, region="eu"))))
    assert "vars.A" in reasons(approved, planned(plan(replace(made, after={"vars": {"A": "3"}}))))


def test_an_approved_deletion_is_true_once_its_instance_is_gone() -> None:
    gone = change(APP, action=Action.DELETE, after=None)
    rest = planned(plan(change()))
    check_plan(plan(gone, change()), rest, NOW)
    record = ResourceState(address=APP, instance="i1", region="us", remote_id="r", attributes={})
    assert "- app.shop: delete was approved" in reasons(plan(gone, change()), planned(plan(change()), [], [record]))


def test_an_approved_change_is_true_only_where_it_is_recorded_as_it_was_to_be() -> None:
    made = change(APP, action=Action.CREATE, before=None, after={"name": "shop"}, prior_region=None)
    approved = plan(made, change())
    wanted = Resource(address=APP, region="us", attributes={"name": "shop"})
    record = ResourceState(address=APP, instance="i1", region="us", remote_id="r", attributes={"name": "shop"})
    check_plan(approved, planned(plan(change()), [wanted], [record]), NOW)
    for other in (replace(record, attributes={"name": "x"}), replace(record, region="eu")):
        assert "app.shop: create was approved" in reasons(approved, planned(plan(change()), [wanted], [other]))
    assert "app.shop: create was approved" in reasons(approved, planned(plan(change()), [], [record]))


def test_provenance_comes_back_with_a_saved_plan_and_cannot_be_edited() -> None:
    made = replace(plan(change()), provenance=Provenance(base="a" * 40, head="b" * 40, expires=NOW))
    saved = plan_to_json(made)
    assert plan_from_json(saved) == made
    saved["provenance"]["expires"] = "2036-01-01T00:00:00+00:00"
    with pytest.raises(ValueError, match="checksum"):
        plan_from_json(saved)
    with pytest.raises(ValueError, match="time zone"):
        Provenance.from_json({"base": None, "head": None, "expires": "2036-01-01T00:00:00"})
