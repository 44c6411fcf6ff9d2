"""Every mistake is told with its place, what was expected and the nearest valid choice; all at once."""

from __future__ import annotations

import pytest
from desired_case import app, codes, desire

from declarative_paas.core.diagnostic import Diagnostic

WEB = "formation: {web: {command: run, size: standard-1x}}"
SHARED = app("billing", WEB, "addons: [{plan: postgres:standard-0, as: DATABASE}]")

MISTAKES = {
    "unknown-region": (app("shop", "region: uss", WEB), "us", 9),
    "unknown-size": (app("shop", "formation: {web: {command: run, size: standart-1x}}"), "standard-1x", None),
    "unknown-service": (app("shop", WEB, "addons: [{plan: postgre:standard-0, as: DB}]"), "postgres", None),
    "unknown-plan": (app("shop", WEB, "addons: [{plan: postgres:standrd-0, as: DB}]"), "postgres:standard-0", None),
    "missing-secret": (app("shop", WEB, "config: {K: {secret: shop/key}}"), None, None),
    "unknown-app": (app("shop", WEB, "config: {U: {app: shp, attribute: url}}"), "shop", None),
    "unknown-config-key": (app("shop", WEB, "config: {A: x, B: {app: shop, config: AA}}"), "A", None),
    "unknown-attached-addon": (
        SHARED + "---\n" + app("shop", WEB, "addons: [{attach: biling/DATABASE, as: DB}]"),
        "billing/DATABASE",
        None,
    ),
    "config-clash": (
        app("shop", WEB, "config: {DB_URL: mine}", "addons: [{plan: postgres:standard-0, as: DB}]"),
        None,
        None,
    ),
    "no-command": (app("shop", "formation: {web: {size: standard-1x}}"), None, None),
    "health-without-web": (app("shop", "formation: {job: {command: x, health: /up}}"), None, None),
    "dynos-per-type": (app("shop", "formation: {web: {command: x, size: eco, quantity: 2}}"), "standard-1x", None),
    "missing-credentials": (app("shop", WEB, "addons: [{plan: papertrail:choklad, as: LOGS}]"), None, None),
    "residency": (app("shop", WEB, "residency: EU"), None, None),
    "drains-unsupported": (app("shop", WEB, "drains: ['syslog+tls://logs.example.com:6514']"), None, None),
}


@pytest.mark.parametrize("code", sorted(MISTAKES))
def test_a_mistake_is_told_with_its_place_and_the_nearest_choice(tmp_path, code):
    text, suggestion, _ = MISTAKES[code]
    _, diagnostics = desire(tmp_path, text)
    found = [item for item in diagnostics if item.code == code]
    assert found, codes(diagnostics)
    assert found[0].is_error
    assert found[0].position is not None
    assert found[0].position.file.endswith("dpaas.yaml")
    assert found[0].expected
    if suggestion is not None:
        assert found[0].suggestion == suggestion


def test_a_plan_that_is_not_offered_in_the_region_names_those_that_are(tmp_path):
    _, diagnostics = desire(tmp_path, app("shop", WEB, "addons: [{plan: newrelic:pro-us, as: APM}]", "region: eu"))
    found = _only(diagnostics, "plan-not-offered")
    assert "offered in us" in (found.expected or "")
    assert (found.suggestion or "").startswith("newrelic:")


def test_config_values_in_a_circle_are_told_once(tmp_path):
    _, diagnostics = desire(
        tmp_path,
        app("one", WEB, "config: {A: {app: two, config: B}}"),
        app("two", WEB, "config: {B: {app: one, config: A}}"),
    )
    found = _only(diagnostics, "reference-cycle")
    assert "one.A -> two.B -> one.A" in found.summary


def test_resources_in_a_circle_are_told(tmp_path):
    _, diagnostics = desire(
        tmp_path,
        app("one", WEB, "config: {A: {app: two, attribute: release}}"),
        app("two", WEB, "config: {B: {app: one, attribute: release}}"),
    )
    assert "config.one" in _only(diagnostics, "reference-cycle").summary


def test_two_apps_cannot_have_one_domain(tmp_path):
    _, diagnostics = desire(
        tmp_path, app("one", WEB, "domains: [www.example.com]"), app("two", WEB, "domains: [www.example.com]")
    )
    found = _only(diagnostics, "duplicate-domain")
    assert found.position is not None
    assert found.position.line > 10


def test_a_source_that_cannot_be_read_is_told(tmp_path):
    _, diagnostics = desire(tmp_path, app("shop", WEB), problem="it has 600 MB")
    assert "it has 600 MB" in _only(diagnostics, "unusable-source").summary


def test_residency_holds_for_shared_data_too(tmp_path):
    _, diagnostics = desire(
        tmp_path,
        SHARED,
        app("shop", "region: eu", WEB, "residency: EU", "addons: [{attach: billing/DATABASE, as: DB}]"),
    )
    found = _only(diagnostics, "residency")
    assert "DB of billing in us (US)" in found.summary


def test_many_mistakes_come_at_once(tmp_path):
    _, diagnostics = desire(
        tmp_path,
        app("one", "region: mars", "formation: {web: {command: x, size: huge}}", "config: {K: {secret: nope}}"),
        app("two", WEB, "addons: [{plan: mysql:big, as: DB}]"),
    )
    assert {"unknown-region", "unknown-size", "missing-secret", "unknown-service"} <= set(codes(diagnostics))


def _only(diagnostics: list[Diagnostic], code: str) -> Diagnostic:
    found = [item for item in diagnostics if item.code == code]
    assert len(found) == 1, [str(item) for item in diagnostics]
    return found[0]
