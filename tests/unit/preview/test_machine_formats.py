"""SARIF, JUnit, GitLab's report and JSON: whole, valid by our own schema, and told the same way each time.

The published schemas of SARIF and JUnit are checked in `tests/e2e/browser/test_published_schemas.py`.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hostile_plan import hostile_preview
from hypothesis import given, settings
from injections import INJECTIONS
from jsonschema import Draft202012Validator
from large_plan import large_plan
from preview_case import plans

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position, error, warning
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind
from declarative_paas.preview.findings import RULES, findings, relative_path, rule_of
from declarative_paas.preview.formats import SUFFIXES, Format, rendered
from declarative_paas.preview.gitlab import gitlab_view
from declarative_paas.preview.json_schema import FILE, plan_schema
from declarative_paas.preview.json_view import preview_view
from declarative_paas.preview.junit import render_junit
from declarative_paas.preview.review import Known, review, review_failure
from declarative_paas.preview.sarif import sarif_view
from declarative_paas.workflow.published_schemas import published_schemas

VALIDATOR = Draft202012Validator(plan_schema())
WRITTEN = Path(__file__).parents[3] / "schemas" / FILE
LOSS = Risk(RiskKind.DATA_LOSS, "the data of addon.shop/DB is destroyed")


def losing(*, confirmed: bool = False) -> Plan:
    address = ResourceAddress.parse("addon.shop/DB")
    deletion = Change(
        address=address,
        action=Action.DELETE,
        region="us",
        instance="i",
        before={},
        risks=(LOSS,),
        declared_in="dpaas.yaml",
    )
    return Plan(
        scope=Scope("acme"),
        lineage="l",
        serial=1,
        tool_version="1.2.3",
        catalog_digest="c",
        changes=(deletion,),
        confirmed=(address,) if confirmed else (),
    )


def test_the_written_schema_is_current():
    assert WRITTEN.read_text(encoding="utf-8") == published_schemas()[FILE], "run: dpaas schema"


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(plan_schema())


@settings(max_examples=60, deadline=None)
@given(plans())
def test_the_json_of_any_plan_is_valid(plan):
    VALIDATOR.validate(json.loads(json.dumps(preview_view(review(plan)))))


@pytest.mark.parametrize("text", INJECTIONS[::4])
def test_the_json_of_hostile_names_is_valid(text):
    VALIDATOR.validate(json.loads(json.dumps(preview_view(hostile_preview(text)))))


def test_the_json_of_a_failure_is_valid():
    VALIDATOR.validate(preview_view(review_failure([error("bad", "no", Position("a.yaml", 1, 2))], None)))


def test_a_key_that_the_schema_does_not_know_is_refused():
    view = preview_view(review(losing()))
    assert list(VALIDATOR.iter_errors({**view, "extra": 1}))
    assert list(VALIDATOR.iter_errors({name: value for name, value in view.items() if name != "preview"}))


def test_every_kind_of_risk_is_a_rule():
    assert {rule_of(kind) for kind in RiskKind} <= RULES.keys()


def test_a_data_loss_is_a_warning_a_confirmed_one_a_note_and_a_refused_one_an_error_told_once():
    assert [(one.rule, one.level) for one in findings(review(losing()))] == [("data-loss", "warning")]
    assert [(one.rule, one.level) for one in findings(review(losing(confirmed=True)))] == [("data-loss", "note")]
    refused = error("unconfirmed-data-loss", "delete destroys its data", address="addon.shop/DB")
    told = findings(review(losing(), Known(diagnostics=[refused])))
    assert [(one.rule, one.level, one.app) for one in told] == [("unconfirmed-data-loss", "error", "shop")]


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("a.yaml", "a.yaml"),
        ("./apps/a.yaml", "apps/a.yaml"),
        ("apps\\a.yaml", "apps/a.yaml"),
        ("/etc/a", None),
        ("../a", None),
    ],
)
def test_paths_are_relative_to_what_was_planned(file, path):
    assert relative_path(file) == path


def test_sarif_places_each_finding_on_its_line_or_on_the_manifest_it_was_declared_in():
    view = sarif_view(review(losing(), Known(diagnostics=[warning("odd", "hm", Position("apps/x.yaml", 4, 2))])))
    [odd, loss] = view["runs"][0]["results"]
    assert odd["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "apps/x.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 4, "startColumn": 2},
    }
    assert loss["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dpaas.yaml"
    assert (loss["ruleId"], loss["level"]) == ("data-loss", "warning")
    rules = view["runs"][0]["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in (odd, loss)] == ["odd", "data-loss"]


def test_sarif_fingerprints_are_unique_and_do_not_change_with_lines():
    def prints(line: int) -> list[str]:
        found = [
            warning("odd", "hm", Position("a.yaml", line, 1)),
            warning("odd", "hm", Position("a.yaml", line + 5, 1)),
        ]
        results = sarif_view(review(losing(), Known(diagnostics=found)))["runs"][0]["results"]
        return [result["partialFingerprints"]["dpaas/v1"] for result in results]

    assert prints(1) == prints(90)
    assert len(set(prints(1))) == 3


def test_junit_has_a_case_for_each_rule_and_app_and_fails_the_errors():
    refused = error("unconfirmed-data-loss", "delete destroys its data", address="addon.shop/DB")
    root = ET.fromstring(render_junit(review(losing(), Known(diagnostics=[refused, error("bad", "no")]))))
    suites = {suite.attrib["name"]: suite for suite in root}
    assert set(suites) == {"platform", "shop"}
    failed = {
        (name, case.attrib["name"]) for name, suite in suites.items() for case in suite.iter("testcase") if len(case)
    }
    assert failed == {("platform", "bad"), ("shop", "unconfirmed-data-loss")}
    assert suites["shop"].attrib["failures"] == "1"
    assert int(suites["shop"].attrib["tests"]) == len(suites["shop"].findall("testcase")) == len(RULES) + 1


@pytest.mark.parametrize("text", INJECTIONS)
def test_junit_and_sarif_hold_any_text(text):
    preview = hostile_preview(text)
    assert len(ET.fromstring(render_junit(preview)).findall("testsuite")) >= 2
    json.loads(json.dumps(sarif_view(preview)).encode("utf-8", errors="strict"))


def test_gitlab_counts_a_replacement_as_both():
    plan = large_plan(40)
    assert gitlab_view(review(plan)) == {"create": 20, "update": 10, "delete": 20}


@pytest.mark.parametrize("form", list(Format))
def test_every_format_is_rendered_the_same_each_time_and_ends_its_last_line(form):
    plan = large_plan(60)
    text = rendered(review(plan), form)
    assert text == rendered(review(plan), form)
    assert text.endswith("\n")
    assert rendered(review_failure([error("bad", "no")], None), form).endswith("\n")


def test_every_file_name_that_names_a_format_names_one():
    assert set(SUFFIXES.values()) == set(Format) - {Format.GITLAB}
