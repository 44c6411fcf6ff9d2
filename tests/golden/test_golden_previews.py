"""Every case's plan as its reviewers read it. `UPDATE_GOLDEN=1` (or `make golden`) rewrites what is expected.

Markdown shows all that the one model holds, so it stands for the others; SARIF, JUnit and GitLab's report are kept of
the cases that tell them apart.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from golden_case import CASES, ROOT, plan_of_case
from jsonschema import Draft202012Validator

from declarative_paas.catalog.load import packaged
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.plan import Action, Plan, RiskKind
from declarative_paas.preview.formats import Format, rendered
from declarative_paas.preview.json_schema import plan_schema
from declarative_paas.preview.json_view import plan_view
from declarative_paas.preview.model import Preview
from declarative_paas.preview.review import Known, review

UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
FOR_MACHINES = ["region_move", "drift", "scale"]
IN_WORDS = [*FOR_MACHINES, "fork", "addon_removed"]
FILES = {Format.SARIF: "preview.sarif", Format.JUNIT: "preview.xml", Format.GITLAB: "preview.gitlab.json"}
VALIDATOR = Draft202012Validator(plan_schema())


def preview_of_case(name: str) -> Preview:
    plan = plan_of_case(name)
    return review(plan, Known(diagnostics=refusals(plan), catalog=packaged()))


def refusals(plan: Plan) -> list[Diagnostic]:
    """As the planner tells them of a loss that nobody confirmed."""
    return [
        error(
            "unconfirmed-data-loss",
            f"{change.action.value} of {change.address} destroys its data",
            change.position,
            expected=f"--confirm {change.address}",
            address=str(change.address),
        )
        for change in plan.changes
        if any(risk.kind is RiskKind.DATA_LOSS for risk in change.risks) and change.address not in plan.confirmed
    ]


def check(path: Path, text: str) -> None:
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_comment_reads_as_it_did(name):
    check(ROOT / name / "preview.md", rendered(preview_of_case(name), Format.MARKDOWN))


@pytest.mark.parametrize("name", IN_WORDS)
def test_the_text_for_reviewers_reads_as_it_did(name):
    check(ROOT / name / "preview.txt", rendered(preview_of_case(name), Format.TEXT))


@pytest.mark.parametrize("name", FOR_MACHINES)
@pytest.mark.parametrize("form", list(FILES))
def test_a_report_for_machines_is_as_it_was(name, form):
    check(ROOT / name / FILES[form], rendered(preview_of_case(name), form))


@pytest.mark.parametrize("name", CASES)
def test_the_json_of_every_case_is_valid(name):
    VALIDATOR.validate(json.loads(json.dumps(plan_view(plan_of_case(name)))))


def test_the_cases_are_of_at_least_ten_kinds():
    shapes = set()
    for name in CASES:
        plan = plan_of_case(name)
        kinds = frozenset((change.address.type, change.action) for change in plan.changes)
        shapes.add((kinds, bool(plan.drift), plan.destroy, bool(plan.targets)))
    assert len(shapes) >= 10
    actions = {action for kinds, *_ in shapes for _, action in kinds}
    assert actions == set(Action)
