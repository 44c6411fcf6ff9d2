"""`${var.NAME}`: whose value wins, what it becomes, and what a wrong use gets."""

from __future__ import annotations

import pytest
from manifest_case import APP, app_text, read, short

from declarative_paas.manifest.app_models import AppSpec, SourcePath
from declarative_paas.manifest.assemble import GivenVariables
from declarative_paas.manifest.yaml_text import parse_yaml

DECLARED = """\
kind: Platform
metadata: {name: acme}
spec:
  regions: {us: {provider: memory}}
  variables:
    count: {default: 2}
    host: {default: example.com}
    ratio: {default: 1.10}
    debug: {type: boolean}
    size: {type: string, default: standard-1x}
    anything: {}
"""


def spec_of(fields: str, given: GivenVariables | None = None) -> AppSpec:
    manifests, diagnostics = read({"p.yaml": DECLARED, "a.yaml": app_text(fields)}, given=given)
    assert [one for one in diagnostics if one.is_error] == []
    assert manifests is not None
    return manifests.apps[0].spec


def test_a_whole_value_keeps_its_type() -> None:
    formation = spec_of("formation: {web: {quantity: '${var.count}', size: '${var.size}'}}").formation
    assert formation is not None
    assert (formation["web"].quantity, formation["web"].size) == (2, "standard-1x")


def test_a_part_of_a_text_is_the_text_as_it_was_written() -> None:
    config = spec_of("config: {A: 'v${var.ratio}-${var.count}', B: '${var.ratio}'}").config
    assert config == {"A": "v1.10-2", "B": "1.10"}


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("$${var.host}", "${var.host}"),
        ("a$${var.host}b${var.host}", "a${var.host}bexample.com"),
        ("$$${var.host}", "$${var.host}"),
        ("$PORT ${HOME} $${HOME} $$", "$PORT ${HOME} $${HOME} $$"),
        ("${var}", "${var}"),
        ("${vars.host}", "${vars.host}"),
    ],
)
def test_only_a_variable_is_replaced_and_it_can_be_escaped(written: str, becomes: str) -> None:
    assert spec_of(f"build: 'echo {written}'").build == f"echo {becomes}"


def test_the_later_source_wins() -> None:
    def host(**given: object) -> str | None:
        return spec_of("build: '${var.host}'", GivenVariables(**given)).build  # type: ignore[arg-type]

    environment = {"DPAAS_VAR_host": "env.com", "DPAAS_VAR_unknown": "x"}
    files = [("1.yaml", parse_yaml("host: one.com", "1.yaml")), ("2.yaml", parse_yaml("host: two.com", "2.yaml"))]
    assert host() == "example.com"
    assert host(environment=environment) == "env.com"
    assert host(environment=environment, files=files) == "two.com"
    assert host(environment=environment, files=files, assignments=["host=a=b.com"]) == "a=b.com"


def test_a_value_from_outside_is_read_as_the_declared_or_the_defaults_type() -> None:
    given = GivenVariables(assignments=["count=7", "debug=true", "size=012", "anything=5"])
    spec = spec_of(
        "maintenance: '${var.debug}'\nformation: {web: {quantity: '${var.count}', size: '${var.size}'}, "
        "w: {quantity: '${var.anything}'}}",
        given,
    )
    assert spec.maintenance is True
    assert spec.formation is not None
    assert (spec.formation["web"].quantity, spec.formation["web"].size) == (7, "012")
    assert spec.formation["w"].quantity == 5


def test_a_variable_may_stand_in_any_text_of_an_app_and_of_the_platform() -> None:
    app = APP.replace("shop", "'shop-${var.anything}'").replace("path: .", "path: './${var.size}'")
    platform = DECLARED.replace("provider: memory", "provider: '${var.size}'")
    manifests, diagnostics = read(
        {"p.yaml": platform, "a.yaml": app}, given=GivenVariables(assignments=["anything=eu"])
    )
    assert diagnostics == []
    assert manifests is not None
    assert manifests.apps[0].name == "shop-eu"
    assert manifests.apps[0].spec.source == SourcePath(path="./standard-1x")
    assert manifests.platform.spec.regions["us"].provider == "standard-1x"


@pytest.mark.parametrize(
    ("fields", "given", "place", "code", "suggestion"),
    [
        ("build: 'x ${var.hots}'", {}, "a.yaml:6:10", "undefined-variable", "${var.host}"),
        ("formation: {web: {quantity: '${var.cont}'}}", {}, "a.yaml:6:31", "undefined-variable", "${var.count}"),
        ("maintenance: '${var.debug}'", {}, "a.yaml:6:16", "variable-without-value", None),
        ("build: 'x ${var.host'", {}, "a.yaml:6:10", "variable-syntax", None),
        ("config: {'A${var.host}': x}", {}, "a.yaml:6:12", "variable-in-key", None),
        ("build: x", {"assignments": ["hots=1"]}, "None", "undeclared-variable", "host"),
        ("build: x", {"assignments": ["host"]}, "None", "variable-syntax", None),
        ("formation: {web: {quantity: '${var.count}'}}", {"assignments": ["count=x"]}, "None", "variable-type", None),
        ("maintenance: '${var.debug}'", {"environment": {"DPAAS_VAR_debug": "yes"}}, "None", "variable-type", None),
        ("formation: {web: {quantity: '${var.host}'}}", {}, "a.yaml:6:31", "wrong-type", None),
    ],
)
def test_a_wrong_variable_is_one_diagnostic(
    fields: str, given: dict[str, object], place: str, code: str, suggestion: str | None
) -> None:
    files = {"p.yaml": DECLARED, "a.yaml": app_text(fields)}
    manifests, diagnostics = read(files, given=GivenVariables(**given))  # type: ignore[arg-type]
    errors = [one for one in diagnostics if one.is_error]
    assert manifests is None
    assert short(errors) == [(place, code)]
    assert errors[0].suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("hots: 1\n", "v.yaml:1:7", "undeclared-variable"),
        ("host: [1]\n", "v.yaml:1:1", "variable-type"),
        ("a: 1\ncount: x\n", "v.yaml:2:8", "variable-type"),
        ("- host\n", "v.yaml:1:1", "not-a-mapping"),
        ("host: [\n", "v.yaml:2:1", "yaml-syntax"),
    ],
)
def test_a_mistake_in_a_variable_file_has_its_place(text: str, place: str, code: str) -> None:
    given = GivenVariables(files=[("v.yaml", parse_yaml(text, "v.yaml"))])
    _, diagnostics = read({"p.yaml": DECLARED.replace("count", "a: {}\n    count"), "a.yaml": APP}, given=given)
    assert short(one for one in diagnostics if one.is_error) == [(place, code)]


def test_a_given_value_is_never_repeated() -> None:
    given = GivenVariables(assignments=["count=hunter2"], environment={"DPAAS_VAR_debug": "hunter2"})
    _, diagnostics = read({"p.yaml": DECLARED, "a.yaml": APP}, given=given)
    assert len(diagnostics) >= 2
    assert not any("hunter2" in str(one) for one in diagnostics)


def test_a_given_variable_that_no_manifest_uses_is_a_warning() -> None:
    manifests, diagnostics = read({"p.yaml": DECLARED, "a.yaml": APP}, given=GivenVariables(assignments=["host=x.com"]))
    assert manifests is not None
    assert [(one.code, one.is_error) for one in diagnostics] == [("unused-variable", False)]


def test_a_default_cannot_use_variables() -> None:
    platform = DECLARED.replace("example.com", "'x.${var.size}'")
    _, diagnostics = read({"p.yaml": platform, "a.yaml": APP})
    assert short(diagnostics) == [("p.yaml:7:21", "variable-in-variable")]


def test_a_default_that_is_not_of_its_type_is_a_mistake() -> None:
    _, diagnostics = read(
        {"p.yaml": DECLARED.replace("{type: boolean}", "{type: boolean, default: no}"), "a.yaml": APP}
    )
    assert short(diagnostics) == [("p.yaml:9:37", "variable-type")]


def test_without_a_platform_variables_are_not_reported_one_by_one() -> None:
    app = app_text("build: '${var.a} ${var.b}'")
    from declarative_paas.manifest.assemble import assemble, parse_file, recognise_all

    documents, _ = recognise_all([parse_file(app.encode(), "a.yaml", sought=True)])
    manifests, diagnostics = assemble(documents, [], GivenVariables(), environment=None)
    assert manifests is None
    assert short(diagnostics) == [("a.yaml:1:1", "no-platform")]
