"""A mistake in a field: its code, its place, what was expected and the nearest valid choice."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from manifest_case import APP, PLATFORM, app_text, only_app, read, short

from declarative_paas.manifest.app_models import (
    AddonAttach,
    AddonPlan,
    AppAttribute,
    AppConfig,
    AppSpec,
    GeneratedValue,
    SourceImage,
)
from declarative_paas.manifest.model_base import SecretReference
from declarative_paas.manifest.platform_models import PlatformSpec

# (fields below spec, which begin on line 6 indented by two; code; line; column; suggestion)
FIELD_MISTAKES = [
    ("quantit: 1", "unknown-key", 6, 3, None),
    ("domain: []", "unknown-key", 6, 3, "domains"),
    ("confg: {A: b}", "unknown-key", 6, 3, "config"),
    ("formation: {web: {quantty: 2}}", "unknown-key", 6, 21, "quantity"),
    ("maintenance: yes", "wrong-type", 6, 16, "true"),
    ("maintenance: Off", "wrong-type", 6, 16, "false"),
    ("maintenance: 'true'", "wrong-type", 6, 16, "true"),
    ("build: 3", "wrong-type", 6, 10, '"3"'),
    ("build: [a]", "wrong-type", 6, 3, None),
    ("build: ' '", "invalid-value", 6, 10, None),
    ("domains: www.example.com", "wrong-type", 6, 12, "[www.example.com]"),
    ("domains: [https://WWW.example.com/x]", "invalid-value", 6, 13, "www.example.com"),
    ("domains: [a.example.com, b.example.com, a.example.com]", "duplicate-value", 6, 43, None),
    ("drains: ['ftp://x']", "invalid-value", 6, 12, None),
    ("drains: ['https://a/b', 'https://a/b']", "duplicate-value", 6, 27, None),
    ("residency: us", "invalid-value", 6, 14, "US"),
    ("config: {MY-KEY: a}", "invalid-name", 6, 12, "MY_KEY"),
    ("config: {PORT: 80}", "reserved-key", 6, 12, None),
    ("config: {A: 1, DYNO: x}", "reserved-key", 6, 18, None),
    ("config:\n  A:", "missing-value", 7, 5, None),
    ("config: {A: [1]}", "wrong-type", 6, 12, None),
    ("config: {A: {}}", "missing-key", 6, 12, None),
    ("config: {A: {secert: x/y}}", "unknown-key", 6, 16, "secret"),
    ("config: {A: {secret: 'x y!'}}", "invalid-value", 6, 24, None),
    ("config: {A: {secret: x, generate: 9}}", "conflicting-keys", 6, 27, None),
    ("config: {A: {generate: 4}}", "out-of-range", 6, 26, "8"),
    ("config: {A: {generate: 500}}", "out-of-range", 6, 26, "256"),
    ("config: {A: {generate: '9'}}", "wrong-type", 6, 26, None),
    ("config: {A: {app: api}}", "missing-key", 6, 12, None),
    ("config: {A: {app: api, attribute: ulr}}", "invalid-choice", 6, 37, "url"),
    ("config: {A: {app: Api, attribute: url}}", "invalid-value", 6, 21, "api"),
    ("config: {A: {app: api, attribute: url, config: X}}", "conflicting-keys", 6, 26, None),
    ("config: {A: {app: api, config: a-b}}", "invalid-value", 6, 34, None),
    ("formation: {web: 3}", "wrong-type", 6, 20, None),
    ("formation: {we b: {}}", "invalid-name", 6, 15, "we-b"),
    ("formation: {web: {quantity: 012}}", "wrong-type", 6, 31, "12"),
    ("formation: {web: {quantity: '2'}}", "wrong-type", 6, 31, "2"),
    ("formation: {web: {quantity: 2.0}}", "wrong-type", 6, 31, "2"),
    ("formation: {web: {quantity: true}}", "wrong-type", 6, 31, None),
    ("formation: {web: {quantity: 101}}", "out-of-range", 6, 31, "100"),
    ("formation: {web: {quantity: -1}}", "out-of-range", 6, 31, "0"),
    ("formation: {web: {health: healthz}}", "invalid-value", 6, 29, "/healthz"),
    ("ignore: [formation/web/quantity]", "invalid-value", 6, 12, "formation.web.quantity"),
    ("ignore: [config]", "invalid-value", 6, 12, None),
    ("ignore: [addons.DATABASE.service]", "invalid-value", 6, 12, None),
    ("ignore: [maintenance, maintenance]", "duplicate-value", 6, 25, None),
    ("formation: {release: {command: x}}", "reserved-process-type", 6, 15, None),
    ("addons: {plan: a:b}", "wrong-type", 6, 3, None),
    ("addons:\n  - plan: postgres:standard-0", "missing-key", 7, 7, None),
    ("addons: [{plan: postgres, as: DATABASE}]", "invalid-value", 6, 19, None),
    ("addons: [{plan: 'Postgres: Standard-0', as: DATABASE}]", "invalid-value", 6, 19, "postgres:standard-0"),
    ("addons: [{plan: a:b, as: database-2}]", "invalid-value", 6, 28, "DATABASE_2"),
    ("addons: [{plan: a:b, as: X}, {plan: a:c, as: X}]", "duplicate-alias", 6, 48, None),
    ("addons: [{plan: a:b, attach: shop/X, as: X}]", "conflicting-keys", 6, 24, None),
    ("addons: [{attach: billing, as: X}]", "invalid-value", 6, 21, None),
    ("addons: [{attach: billing/database, as: X}]", "invalid-value", 6, 21, "billing/DATABASE"),
    ("addons: [{plam: a:b, as: X}]", "unknown-key", 6, 13, "plan"),
    ("addons: [postgres]", "wrong-type", 6, 12, None),
    ("addons: [{plan: a:b, as: X, credentials: pass}]", "wrong-type", 6, 44, None),
]


@pytest.mark.parametrize(("fields", "code", "line", "column", "suggestion"), FIELD_MISTAKES)
def test_a_mistake_in_a_field_is_one_diagnostic_at_its_place(
    fields: str, code: str, line: int, column: int, suggestion: str | None
) -> None:
    manifests, diagnostics = read({"app.yaml": app_text(fields)})
    assert manifests is None
    assert short(diagnostics) == [(f"app.yaml:{line}:{column}", code)]
    assert diagnostics[0].expected
    assert diagnostics[0].suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "place", "code", "suggestion"),
    [
        (APP.replace("App", "Ap"), "a.yaml:1:7", "unknown-kind", "App"),
        (APP.replace("App", "app"), "a.yaml:1:7", "unknown-kind", "App"),
        (APP.replace("App", "Pipeline"), "a.yaml:1:7", "kind-not-supported", None),
        (APP.replace("kind", "knd"), "a.yaml:1:1", "missing-kind", "kind"),
        (APP.replace("kind: App\n", ""), "a.yaml:1:1", "missing-kind", None),
        ("- a\n", "a.yaml:1:1", "not-a-mapping", None),
        ("just text\n", "a.yaml:1:1", "not-a-mapping", None),
        ("apiVersion: paas/v2\n" + APP, "a.yaml:1:13", "invalid-choice", "paas/v1"),
        (APP.replace("shop", "My_Shop"), "a.yaml:2:18", "invalid-value", "my-shop"),
        (APP.replace("shop", "ab"), "a.yaml:2:18", "invalid-value", None),
        (APP.replace("shop", "12"), "a.yaml:2:18", "wrong-type", '"12"'),
        (APP.replace("{name: shop}", "{}"), "a.yaml:2:1", "missing-key", None),
        (APP.replace("metadata: {name: shop}\n", ""), "a.yaml:1:1", "missing-key", None),
        (APP.replace("  region: us\n", ""), "a.yaml:3:1", "missing-key", None),
        (APP.replace("  source: {path: .}\n", ""), "a.yaml:3:1", "missing-key", None),
        (APP.replace("{path: .}", "{pth: .}"), "a.yaml:5:12", "unknown-key", "path"),
        (APP.replace("{path: .}", "{path: ., image: x}"), "a.yaml:5:21", "conflicting-keys", None),
        (APP.replace("{path: .}", "."), "a.yaml:5:11", "wrong-type", None),
        (APP.replace("{path: .}", "{image: x}\n  build: make"), "a.yaml:6:3", "conflicting-keys", None),
        (APP.split("spec")[0] + "spec: 3\n", "a.yaml:3:7", "wrong-type", None),
    ],
)
def test_a_mistake_in_the_frame_is_one_diagnostic_at_its_place(
    text: str, place: str, code: str, suggestion: str | None
) -> None:
    manifests, diagnostics = read({"a.yaml": text})
    assert manifests is None
    assert short(diagnostics) == [(place, code)]
    assert diagnostics[0].suggestion == suggestion


@pytest.mark.parametrize(
    ("regions", "place", "code", "suggestion"),
    [
        ("us: {provider: local, prt: 80}", "p.yaml:5:27", "unknown-key", "port"),
        ("us: {provider: local, port: 70000}", "p.yaml:5:33", "out-of-range", "65535"),
        ("us: {provider: local, port: '80'}", "p.yaml:5:33", "wrong-type", "80"),
        ("us: {jurisdiction: US}", "p.yaml:5:5", "missing-key", None),
        ("us: {provider: local, jurisdiction: us}", "p.yaml:5:41", "invalid-value", "US"),
        ("US: {provider: local}", "p.yaml:5:5", "invalid-name", "us"),
        ("us: local", "p.yaml:5:9", "wrong-type", None),
    ],
)
def test_a_mistake_in_a_region_is_one_diagnostic_at_its_place(
    regions: str, place: str, code: str, suggestion: str | None
) -> None:
    text = f"kind: Platform\nmetadata: {{name: acme}}\nspec:\n  regions:\n    {regions}\n"
    manifests, diagnostics = read({"p.yaml": text})
    assert manifests is None
    assert short(diagnostics) == [(place, code)]
    assert diagnostics[0].suggestion == suggestion


def test_a_platform_needs_a_region() -> None:
    _, diagnostics = read({"p.yaml": "kind: Platform\nmetadata: {name: acme}\nspec:\n  regions: {}\n"})
    assert short(diagnostics) == [("p.yaml:4:3", "missing-value")]


def test_a_password_in_the_state_url_is_refused_and_not_repeated() -> None:
    text = PLATFORM.replace("{regions", "{state: 'postgres://me:hunter2@db/x', regions")
    _, diagnostics = read({"p.yaml": text})
    assert short(diagnostics) == [("p.yaml:3:15", "invalid-value")]
    assert "hunter2" not in str(diagnostics[0])


def test_a_sensitive_variable_is_pointed_to_secrets() -> None:
    text = PLATFORM.replace("{regions", "{variables: {a: {default: x, sensitive: true}}, regions")
    _, diagnostics = read({"p.yaml": text})
    assert [one.code for one in diagnostics] == ["unknown-key"]
    assert "{secret: NAME}" in str(diagnostics[0])


@pytest.mark.parametrize(
    "fields",
    [
        "config: {A: {secret: 'hunter2!'}}",
        "config: {A: [hunter2]}",
        "config: {A: {app: api, config: hunter-2}}",
        "config: {A: {generate: hunter2}}",
        "drains: ['https://me:hunter2@logs/']",
        "addons: [{plan: a:b, as: X, credentials: hunter2}]",
        "addons: [{plan: a:b, as: X, credentials: {secret: 'hunter2!'}}]",
    ],
)
def test_a_value_that_may_be_a_secret_is_not_repeated(fields: str) -> None:
    _, diagnostics = read({"a.yaml": app_text(fields)})
    assert diagnostics
    assert not any("hunter" in str(one) for one in diagnostics)


def test_all_mistakes_of_all_files_come_at_once() -> None:
    _, diagnostics = read(
        {
            "a.yaml": app_text("build: 3\nmaintenance: no\nconfig: {PORT: 1, A-B: x}", name="one"),
            "b.yaml": app_text("domain: []", name="two") + "---\n" + APP.replace("shop", "X"),
            "c.yaml": "a: [\n",
            "d.yaml": "",
        }
    )
    assert short(diagnostics) == [
        ("a.yaml:6:10", "wrong-type"),
        ("a.yaml:7:16", "wrong-type"),
        ("a.yaml:8:12", "reserved-key"),
        ("a.yaml:8:21", "invalid-name"),
        ("b.yaml:6:3", "unknown-key"),
        ("b.yaml:9:18", "invalid-value"),
        ("c.yaml:2:1", "yaml-syntax"),
        ("d.yaml:1:1", "empty-file"),
    ]


def test_no_message_has_pydantics_wording() -> None:
    for fields, *_ in FIELD_MISTAKES:
        _, diagnostics = read({"a.yaml": app_text(fields)})
        text = "\n".join(map(str, diagnostics))
        assert not any(word in text for word in ("Input should", "pydantic", "validation error", "discriminator", "<"))


def test_two_apps_of_one_name_name_both_places() -> None:
    _, diagnostics = read({"a.yaml": APP, "b.yaml": APP})
    assert short(diagnostics) == [("b.yaml:2:18", "duplicate-app")]
    assert diagnostics[0].detail == "first at a.yaml:2:18"


def test_two_platforms_name_both_places() -> None:
    _, diagnostics = read({"a.yaml": PLATFORM, "b.yaml": PLATFORM.replace("acme", "other")})
    assert short(diagnostics) == [("b.yaml:2:18", "duplicate-platform")]
    assert diagnostics[0].detail == "first at a.yaml:2:18"


def test_config_values_are_the_text_they_were_written_as() -> None:
    fields = "config: {A: 1.10, B: 012, C: 0x1F, D: True, E: NO, F: '', G: 2024-01-01, H: 1_0, I: 'x'}"
    app = only_app({"a.yaml": app_text(fields)})
    assert app.spec.config == {
        "A": "1.10",
        "B": "012",
        "C": "0x1F",
        "D": "True",
        "E": "NO",
        "F": "",
        "G": "2024-01-01",
        "H": "1_0",
        "I": "x",
    }


def test_labels_and_engine_versions_are_text_too() -> None:
    app = only_app(
        {"a.yaml": app_text("addons: [{plan: a:b, as: X, version: 17}]").replace("shop}", "shop, labels: {tier: 1}}")}
    )
    assert app.labels == {"tier": "1"}
    assert app.spec.addons is not None
    assert isinstance(app.spec.addons[0], AddonPlan)
    assert app.spec.addons[0].version == "17"


def test_each_choice_becomes_its_own_type() -> None:
    fields = """
config:
  S: {secret: shop/key}
  G: {generate: 32}
  U: {app: api, attribute: url}
  K: {app: api, config: KEY}
addons:
  - {plan: postgres:standard-0, as: DATABASE}
  - {attach: billing/DATABASE, as: BILLING}
"""
    spec = only_app({"a.yaml": app_text(fields).replace("{path: .}", "{image: x@sha256:0}")}).spec
    assert spec.config is not None
    assert [type(value) for value in spec.config.values()] == [SecretReference, GeneratedValue, AppAttribute, AppConfig]
    assert spec.addons is not None
    assert [type(addon) for addon in spec.addons] == [AddonPlan, AddonAttach]
    assert isinstance(spec.source, SourceImage)


def test_a_field_left_out_or_null_is_not_managed() -> None:
    spec = only_app({"a.yaml": app_text("domains:\nbuild: ~")}).spec
    unset = {name for name in type(spec).model_fields if getattr(spec, name) is None}
    assert unset == set(type(spec).model_fields) - {"region", "source"}


def test_positions_are_found_by_path_and_fall_back_to_the_parent() -> None:
    fields = "formation:\n  web: {size: standard-1x}\naddons:\n  - {plan: a:b, as: X}"
    app = only_app({"a.yaml": app_text(fields)})
    assert str(app.position("formation", "web", "size")) == "a.yaml:7:17"
    assert str(app.position("formation", "web", "health")) == "a.yaml:7:5"
    assert str(app.position("formation", "clock", "size")) == "a.yaml:6:3"
    assert str(app.position("drains", 0)) == "a.yaml:3:1"
    assert str(app.position("addons", 0, "plan")) == "a.yaml:9:14"
    assert str(app.key_position("addons", 0, "plan")) == "a.yaml:9:8"
    assert str(app.position()) == "a.yaml:2:18"


_KEYS = st.sampled_from(
    ["web", "A", "plan", "as", "secret", "app", "config", "path", "quantity", "x y", "generate", "remove"]
)
_ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_SPEC_KEYS = st.sampled_from(sorted(field.alias or name for name, field in AppSpec.model_fields.items()))
_PLATFORM_KEYS = st.sampled_from(sorted(PlatformSpec.model_fields))


@given(
    st.dictionaries(_SPEC_KEYS, _ANY, max_size=5),
    st.dictionaries(_SPEC_KEYS, _ANY, max_size=3),
    st.dictionaries(_PLATFORM_KEYS, _ANY, max_size=3),
    st.sampled_from(["kind", "metadata", "spec", "apiVersion", "none"]),
    _ANY,
)
def test_whatever_a_document_holds_a_mistake_is_a_diagnostic_with_a_place(
    spec: dict[str, Any], over: dict[str, Any], platform: dict[str, Any], frame: str, value: Any
) -> None:
    app: dict[str, Any] = {
        "kind": "App",
        "metadata": {"name": "shop"},
        "spec": {"region": "us", "source": {"path": "."}, **spec},
    }
    texts = {
        "a.yaml": yaml.safe_dump({**app, frame: value} if frame != "none" else app),
        "p.yaml": yaml.safe_dump(
            {"kind": "Platform", "metadata": {"name": "acme"}, "spec": {"regions": {}, **platform}}
        ),
    }
    overlays = {"o.yaml": yaml.safe_dump({**app, "spec": over})}
    manifests, diagnostics = read(texts, overlays)
    assert (manifests is None) == any(one.is_error for one in diagnostics)
    for diagnostic in diagnostics:
        position = diagnostic.position
        assert position is not None
        assert position.line <= len({**texts, **overlays}[position.file].split("\n"))
        assert not any(word in str(diagnostic) for word in ("Input should", "discriminator"))
        assert diagnostic.code != "invalid-value" or "does not fit" not in diagnostic.summary
