"""Confirmations and targets that mean nothing, and risks that must be told."""

from __future__ import annotations

import pytest
from plan_case import app_with_parts, applied, at, plan_and_diagnostics, plan_of, recorded, want

from declarative_paas.core.diagnostic import Severity
from declarative_paas.core.plan import RiskKind


def test_a_confirmation_that_names_nothing_is_a_warning_with_the_nearest():
    parts = app_with_parts()
    plan, diagnostics = plan_and_diagnostics(parts, applied(parts), confirmed=[at("addon.shop/BD")])
    assert plan.is_empty
    assert [(item.severity, item.code, item.suggestion) for item in diagnostics] == [
        (Severity.WARNING, "unknown-confirm", "addon.shop/DB")
    ]


def test_a_confirmation_of_what_is_there_and_stays_is_nothing_to_tell():
    parts = app_with_parts()
    assert plan_and_diagnostics(parts, applied(parts), confirmed=[at("addon.shop/DB")])[1] == []


@pytest.mark.parametrize(
    ("targets", "excludes"),
    [(["formation.shop"], ["formation.shop"]), (["formation.shop"], ["shop"]), (["shop"], ["shop"])],
)
def test_a_target_that_is_excluded_is_a_contradiction(targets, excludes):
    parts = app_with_parts(quantity=3)
    _, diagnostics = plan_and_diagnostics(parts, applied(app_with_parts()), targets=targets, excludes=excludes)
    assert [item.code for item in diagnostics if item.is_error] == ["target-excluded"]
    assert targets[0] in diagnostics[0].summary


def test_a_part_of_a_target_may_be_excluded():
    parts = app_with_parts(quantity=3)
    plan, diagnostics = plan_and_diagnostics(
        parts, applied(app_with_parts()), targets=["shop"], excludes=["config.shop"]
    )
    assert diagnostics == []
    assert [str(change.address) for change in plan.changes] == ["formation.shop"]


def test_an_external_service_is_destroyed_without_a_word_about_data():
    external = want("addon.shop/LOGS", {"service": "papertrail", "plan": "choklad", "credentials": "s"})
    plan, diagnostics = plan_and_diagnostics([], [recorded(external)], destroy=True)
    assert diagnostics == []
    assert [change.risks for change in plan.changes] == [()]


def test_an_external_service_that_is_protected_needs_its_confirmation():
    external = want("addon.shop/LOGS", {"service": "papertrail", "credentials": "s", "protect": True})
    _, diagnostics = plan_and_diagnostics([], [recorded(external)], destroy=True)
    assert [item.code for item in diagnostics] == ["unconfirmed-data-loss"]


def formation(**quantities):
    processes = {
        name: {"command": "run", "size": "standard-1x", "quantity": quantity} for name, quantity in quantities.items()
    }
    return [want("formation.shop", {"release": 1, "processes": processes})]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"web": 1, "worker": 2}, {"web": 1}, "worker.1, worker.2 are stopped: process type worker is removed"),
        ({"web": 1, "worker": 1}, {"web": 1, "worker": 0}, "worker.1 is stopped: its quantity is 0"),
    ],
)
def test_dynos_that_nobody_replaces_are_a_risk(before, after, told):
    plan = plan_of(formation(**after), applied(formation(**before)))
    assert [(risk.kind, risk.detail) for risk in plan.changes[0].risks] == [(RiskKind.DOWNTIME, told)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"web": 1, "worker": 2}, {"web": 1, "worker": 1}),
        ({"web": 1, "worker": 0}, {"web": 1}),
        ({"web": 1}, {"web": 1, "worker": 1}),
    ],
)
def test_fewer_dynos_or_none_before_are_none(before, after):
    plan = plan_of(formation(**after), applied(formation(**before)))
    assert plan.changes[0].risks == ()
