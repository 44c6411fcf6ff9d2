"""The JSON of a plan: documented, complete, free of time, and the same for the same plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden_case import CASES, as_text, plan_of_case

from declarative_paas.core.plan import Action, RiskKind, plan_from_json, plan_to_json
from declarative_paas.preview.json_view import plan_view
from declarative_paas.preview.text import render_text

DOCUMENT = Path(__file__).parents[2] / "docs" / "plan-json.md"
DATA = frozenset({"before", "after", "attributes", "outputs", "base"})
"""Under these keys stand a resource's own attributes, or addresses: their names are no part of the format."""

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d")


def format_keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key not in DATA or isinstance(item, list):
                yield from format_keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from format_keys(item)


def value_markers(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("$"):
                yield key
            yield from value_markers(item)
    elif isinstance(value, list):
        for item in value:
            yield from value_markers(item)


def test_every_key_of_every_plan_is_documented():
    documented = set(re.findall(r"`([\w$]+)`", DOCUMENT.read_text(encoding="utf-8")))
    seen = {key for name in CASES for key in format_keys(plan_view(plan_of_case(name)))}
    assert seen - documented == set()
    assert {"changes", "before", "forces_replacement", "drift", "refreshed", "type_version", "banners"} <= seen


def test_every_special_value_is_documented():
    text = DOCUMENT.read_text(encoding="utf-8")
    seen = {marker for name in CASES for marker in value_markers(plan_view(plan_of_case(name)))}
    assert seen >= {"$ref", "$secret"}
    assert all(f'"{marker}":' in text for marker in seen)


def test_every_action_and_every_risk_is_documented():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [kind.value for kind in (*Action, *RiskKind) if kind.value not in text] == []


def test_the_cases_show_every_action_and_the_risks_that_a_planner_finds():
    changes = [change for name in CASES for change in plan_of_case(name).changes]
    assert {change.action for change in changes} == set(Action)
    found = {risk.kind for change in changes for risk in change.risks}
    assert found >= {
        RiskKind.DATA_LOSS,
        RiskKind.JURISDICTION_MOVE,
        RiskKind.REGION_MOVE,
        RiskKind.DOWNTIME,
        RiskKind.RESTART,
    }


@pytest.mark.parametrize("name", CASES)
def test_a_plan_holds_no_time_and_no_machine(name):
    text = as_text(plan_view(plan_of_case(name)))
    assert not TIME.search(text)
    assert str(Path(__file__).parents[2]) not in text


@pytest.mark.parametrize("name", CASES)
def test_a_plan_read_back_is_the_same_plan(name):
    plan = plan_of_case(name)
    data = json.loads(json.dumps(plan_to_json(plan)))
    again = plan_from_json(data)
    assert plan_to_json(again) == data
    assert again.digest() == plan.digest() == plan_of_case(name).digest()
    assert render_text(again, colour=True) == render_text(plan, colour=True)


def test_different_plans_have_different_digests():
    digests = {name: plan_of_case(name).digest() for name in CASES}
    empty = {name for name in CASES if plan_of_case(name).is_empty}
    assert len(set(digests.values())) == len(CASES) - max(len(empty) - 1, 0)


@pytest.mark.parametrize("name", CASES)
def test_a_text_has_no_trailing_blanks_and_fits_a_wide_terminal(name):
    plan = plan_of_case(name)
    for verbose in (False, True):
        assert not re.search(r"[ \t]\n", render_text(plan, colour=False, verbose=verbose))
    assert max(len(line) for line in render_text(plan, colour=False, width=120).splitlines()) <= 120
