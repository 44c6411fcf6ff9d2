"""SARIF and JUnit by the schemas that their readers check with, of plans of every shape."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from published_files import ant_schema, jenkins_schema, sarif_schema

from declarative_paas.core.diagnostic import error, note
from declarative_paas.preview.formats import Format, rendered
from declarative_paas.preview.model import Preview
from declarative_paas.preview.review import Known, review, review_failure

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "preview"))

from hostile_plan import hostile_preview
from injections import INJECTIONS
from large_plan import large_plan


def previews() -> list[Preview]:
    plan = large_plan(80)
    return [
        review(plan),
        review(plan, Known(diagnostics=[error("bad", "no", address="config.app-00001"), note("odd", "hm")])),
        review_failure([error("bad", "no")], None),
        *(hostile_preview(text) for text in INJECTIONS),
    ]


def test_sarif_is_valid_by_the_published_schema():
    validator = Draft4Validator(json.loads(sarif_schema()))
    for preview in previews():
        validator.validate(json.loads(rendered(preview, Format.SARIF)))


def test_the_published_schema_of_sarif_refuses_what_is_not():
    view = json.loads(rendered(previews()[1], Format.SARIF))
    view["runs"][0]["results"][0]["level"] = "dreadful"
    assert list(Draft4Validator(json.loads(sarif_schema())).iter_errors(view))


@pytest.mark.parametrize("schema", [jenkins_schema, ant_schema], ids=["jenkins", "ant"])
def test_junit_is_valid_by_the_schema_of_its_readers(schema):
    import xmlschema

    validator = xmlschema.XMLSchema10(io.StringIO(schema()))
    for preview in previews():
        validator.validate(rendered(preview, Format.JUNIT))
    assert not validator.is_valid(rendered(previews()[0], Format.JUNIT).replace('tests="', 'trials="'))
