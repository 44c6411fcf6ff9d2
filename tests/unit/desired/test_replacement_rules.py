"""`lifecycle`: triggers and create-before-destroy, and what cannot be meant by them."""

from __future__ import annotations

import pytest
from desired_case import app, codes, desire

from declarative_paas.core.address import ResourceAddress

FORMATION = "formation: {web: {command: run, quantity: 2}}"


def at(text):
    return ResourceAddress.parse(text)


def addon(alias, lifecycle, plan="postgres:essential-0"):
    return f"{{plan: '{plan}', as: {alias}, lifecycle: {lifecycle}}}"


def test_an_add_on_is_made_before_its_old_one_and_with_what_triggers_it(tmp_path):
    rules = "{create_before_destroy: true, replace_triggered_by: [addon.shop/CACHE, addon.shop/CACHE]}"
    addons = f"addons: [{addon('DATABASE', rules)}, {{plan: 'redis:mini', as: CACHE}}]"
    resources, diagnostics = desire(tmp_path, app("shop", FORMATION, addons))
    assert diagnostics == []
    resource = resources[at("addon.shop/DATABASE")]
    assert resource.create_before_destroy
    assert resource.replace_triggered_by == (at("addon.shop/CACHE"),)
    assert at("addon.shop/CACHE") in resource.dependencies()
    assert not resources[at("addon.shop/CACHE")].create_before_destroy


def test_app_release_and_formation_have_triggers_in_other_apps(tmp_path):
    rules = ", ".join(
        f"{part}: {{replace_triggered_by: [addon.billing/DATABASE]}}" for part in ("app", "release", "formation")
    )
    billing = app("billing", FORMATION, "addons: [{plan: 'postgres:essential-0', as: DATABASE}]")
    resources, diagnostics = desire(tmp_path, app("shop", FORMATION, f"lifecycle: {{{rules}}}"), billing)
    assert diagnostics == []
    for address in ("app.shop", "release.shop", "formation.shop"):
        assert resources[at(address)].replace_triggered_by == (at("addon.billing/DATABASE"),)
    assert resources[at("config.shop")].replace_triggered_by == ()


@pytest.mark.parametrize("part", ["app", "release", "formation"])
def test_what_has_one_name_in_a_region_cannot_be_made_first(tmp_path, part):
    rules = f"lifecycle: {{{part}: {{create_before_destroy: true}}}}"
    resources, diagnostics = desire(tmp_path, app("shop", FORMATION, rules))
    assert codes(diagnostics) == ["name-taken-by-old-one"]
    assert f"{part}.shop cannot be made before" in diagnostics[0].summary
    assert diagnostics[0].position is not None
    assert not resources[at(f"{part}.shop")].create_before_destroy


def test_a_trigger_that_is_not_declared_is_a_mistake_with_the_nearest_one(tmp_path):
    rules = "lifecycle: {formation: {replace_triggered_by: [config.shpo]}}"
    resources, diagnostics = desire(tmp_path, app("shop", FORMATION, rules))
    assert [(item.code, item.suggestion) for item in diagnostics] == [("unknown-trigger", "config.shop")]
    assert resources[at("formation.shop")].replace_triggered_by == ()


@pytest.mark.parametrize(
    ("rules", "circle"),
    [
        (
            "lifecycle: {release: {replace_triggered_by: [formation.shop]}}",
            "release.shop -> formation.shop -> release.shop",
        ),
        ("lifecycle: {app: {replace_triggered_by: [slug.shop]}}", "app.shop -> slug.shop -> app.shop"),
        ("lifecycle: {app: {replace_triggered_by: [app.shop]}}", "app.shop -> app.shop"),
    ],
)
def test_a_trigger_that_needs_what_it_replaces_is_a_circle(tmp_path, rules, circle):
    _, diagnostics = desire(tmp_path, app("shop", FORMATION, rules))
    assert codes(diagnostics) == ["trigger-circle"]
    assert circle in diagnostics[0].summary


def test_two_that_trigger_each_other_are_a_circle(tmp_path):
    one = addon("ONE", "{replace_triggered_by: [addon.shop/TWO]}")
    two = addon("TWO", "{replace_triggered_by: [addon.shop/ONE]}")
    _, diagnostics = desire(tmp_path, app("shop", FORMATION, f"addons: [{one}, {two}]"))
    assert codes(diagnostics) == ["trigger-circle"]


def test_a_formation_that_is_not_there_has_no_lifecycle(tmp_path):
    _, diagnostics = desire(tmp_path, app("shop", "lifecycle: {formation: {replace_triggered_by: [config.shop]}}"))
    assert "lifecycle-of-nothing" in codes(diagnostics)
