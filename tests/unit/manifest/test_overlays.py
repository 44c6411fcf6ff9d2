"""The merge rules: what an environment's overlay does to a manifest."""

from __future__ import annotations

from typing import Any

import pytest
from manifest_case import APP, PLATFORM, app_text, only_app, read, short

from declarative_paas.manifest.nodes import descendant, plain


def overlay(fields: str) -> str:
    """An overlay of the app `shop` whose spec fields begin on line 4."""
    return "kind: App\nmetadata: {name: shop}\nspec:\n" + "".join(f"  {line}\n" for line in fields.split("\n"))


MERGE_RULES: list[tuple[str, str, str, str, Any]] = [
    # (rule, base, overlay, field, merged)
    ("a scalar replaces", "build: make", "build: make all", "build", "make all"),
    ("a new key is added", "build: make", "stack: x", "stack", "x"),
    ("what the overlay leaves out stays", "build: make", "stack: x", "build", "make"),
    ("null removes", "build: make", "build: null", "build", None),
    (
        "mappings merge at any depth",
        "formation: {web: {size: a, quantity: 1}, w: {size: b}}",
        "formation: {web: {quantity: 3}}",
        "formation",
        {"web": {"size": "a", "quantity": 3}, "w": {"size": "b"}},
    ),
    (
        "null removes at any depth",
        "formation: {web: {size: a, quantity: 1}, w: {size: b}}",
        "formation: {web: {size: null}, w: null}",
        "formation",
        {"web": {"quantity": 1}},
    ),
    (
        "a config value is whole",
        "config: {A: {secret: x}}",
        "config: {A: {generate: 9}}",
        "config",
        {"A": {"generate": 9}},
    ),
    (
        "ignored fields merge by value",
        "ignore: [maintenance, config.A]",
        "ignore: [formation.web.quantity, {remove: maintenance}]",
        "ignore",
        ("config.A", "formation.web.quantity"),
    ),
    ("a config value may become text", "config: {A: {secret: x}}", "config: {A: b}", "config", {"A": "b"}),
    ("a source is whole", "build: x", "source: {image: y}\nbuild: null", "source", {"image": "y"}),
    (
        "add-ons merge by name, in the base's order",
        "addons: [{plan: a:dev, as: X, version: 17}, {plan: b:dev, as: Y}]",
        "addons: [{plan: c:new, as: Z}, {plan: a:big, as: X}]",
        "addons",
        ({"plan": "a:big", "as": "X", "version": 17}, {"plan": "b:dev", "as": "Y"}, {"plan": "c:new", "as": "Z"}),
    ),
    (
        "an add-on that turns into an attachment is replaced",
        "addons: [{plan: a:dev, as: X, version: 17}]",
        "addons: [{attach: billing/X, as: X}]",
        "addons",
        ({"attach": "billing/X", "as": "X"},),
    ),
    (
        "an add-on is removed by name",
        "addons: [{plan: a:dev, as: X}, {plan: b:dev, as: Y}]",
        "addons: [{remove: X}]",
        "addons",
        ({"plan": "b:dev", "as": "Y"},),
    ),
    ("null removes all add-ons", "addons: [{plan: a:dev, as: X}]", "addons: null", "addons", None),
    (
        "domains merge by value",
        "domains: [a.example.com, b.example.com]",
        "domains: [c.example.com, a.example.com]",
        "domains",
        ("a.example.com", "b.example.com", "c.example.com"),
    ),
    (
        "a domain is removed by value",
        "domains: [a.example.com, b.example.com]",
        "domains: [{remove: a.example.com}, c.example.com]",
        "domains",
        ("b.example.com", "c.example.com"),
    ),
    (
        "drains merge by value",
        "drains: ['https://a/x']",
        "drains: ['https://b/x', 'https://a/x']",
        "drains",
        ("https://a/x", "https://b/x"),
    ),
]


@pytest.mark.parametrize(("rule", "base", "over", "field", "merged"), MERGE_RULES, ids=[row[0] for row in MERGE_RULES])
def test_merge_rule(rule: str, base: str, over: str, field: str, merged: Any) -> None:
    app = only_app({"a.yaml": app_text(base)}, {"overlays/production/a.yaml": overlay(over)})
    found = descendant(app.node, "spec", field)
    assert (None if found is None else plain(found)) == merged, rule


def test_any_other_list_is_replaced() -> None:
    base = PLATFORM.replace("{provider: memory", "{provider: memory, options: {zones: [a, b]}")
    over = "kind: Platform\nmetadata: {name: acme}\nspec: {regions: {us: {options: {zones: [c]}}}}\n"
    manifests, diagnostics = read({"p.yaml": base}, {"o.yaml": over})
    assert diagnostics == []
    assert manifests is not None
    assert manifests.platform.spec.regions["us"].options == {"zones": ("c",)}
    assert manifests.platform.spec.regions["us"].jurisdiction == "US"


def test_a_field_stands_where_it_was_taken_from() -> None:
    base = "formation:\n  web: {size: a, quantity: 1}\naddons:\n  - {plan: a:dev, as: X}"
    over = "formation: {web: {quantity: 2}}\naddons:\n  - {as: X, plan: a:big}\n  - {as: Y, plan: b:dev}"
    app = only_app({"a.yaml": app_text(base)}, {"o.yaml": overlay(over)})
    assert str(app.position("formation", "web", "size")) == "a.yaml:7:17"
    assert str(app.position("formation", "web", "quantity")) == "o.yaml:4:31"
    assert str(app.position("formation", "web")) == "a.yaml:7:5"
    assert str(app.position("addons", 0, "plan")) == "o.yaml:6:21"
    assert str(app.position("addons", 0, "as")) == "o.yaml:6:12"
    assert str(app.position("addons", 1)) == "o.yaml:7:7"
    assert str(app.position()) == "a.yaml:2:18"
    assert app.file == "a.yaml"


def test_overlays_of_one_app_apply_in_order() -> None:
    files = {"o/1.yaml": overlay("build: one\nstack: one"), "o/2.yaml": overlay("build: two")}
    spec = only_app({"a.yaml": APP}, files).spec
    assert (spec.build, spec.stack) == ("two", "one")


def test_a_mistake_that_an_overlay_makes_is_shown_in_the_overlay() -> None:
    _, diagnostics = read(
        {"a.yaml": app_text("build: make")}, {"o.yaml": overlay("formation: {web: {quantity: many}}")}
    )
    assert short(diagnostics) == [("o.yaml:4:31", "wrong-type")]


@pytest.mark.parametrize(
    ("over", "place", "code", "suggestion"),
    [
        (overlay("build: x").replace("shop", "shap"), "o.yaml:2:18", "overlay-without-base", "shop"),
        (overlay("build: x").replace("{name: shop}", "{}"), "o.yaml:2:1", "missing-key", None),
        (overlay("buil: null"), "o.yaml:4:3", "nothing-to-remove", "build"),
        (overlay("domains: [{remove: b.example.com}]"), "o.yaml:4:22", "nothing-to-remove", "a.example.com"),
        (overlay("addons: [{remove: DATABSE}]"), "o.yaml:4:21", "nothing-to-remove", "DATABASE"),
        (overlay("domains: [{remov: a.example.com}]"), "o.yaml:4:13", "wrong-type", None),
    ],
)
def test_an_overlay_that_does_not_fit_is_a_diagnostic(over: str, place: str, code: str, suggestion: str | None) -> None:
    base = app_text("build: x\ndomains: [a.example.com]\naddons: [{plan: a:b, as: DATABASE}]")
    manifests, diagnostics = read({"a.yaml": base}, {"o.yaml": over})
    assert manifests is None
    assert short(diagnostics) == [(place, code)]
    assert diagnostics[0].suggestion == suggestion


@pytest.mark.parametrize("name", ["addons", "domains", "ignore"])
def test_nothing_can_be_removed_from_a_list_that_the_base_does_not_have(name: str) -> None:
    _, diagnostics = read({"a.yaml": app_text("build: x")}, {"o.yaml": overlay(f"{name}: [{{remove: X}}]")})
    assert [item.code for item in diagnostics] == ["nothing-to-remove"]


def test_an_overlay_can_be_the_first_to_add_to_a_list() -> None:
    spec = only_app({"a.yaml": app_text("build: x")}, {"o.yaml": overlay("domains: [a.example.com]")}).spec
    assert spec.domains == ("a.example.com",)


def test_an_overlay_of_another_kind_does_not_fit() -> None:
    _, diagnostics = read(
        {"a.yaml": APP}, {"o.yaml": "kind: Platform\nmetadata: {name: shop}\nspec: {state: sqlite:x}\n"}
    )
    assert short(diagnostics) == [("o.yaml:2:18", "overlay-without-base")]
