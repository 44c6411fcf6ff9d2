"""The event stream: every line fits its schema, and the document tells what there is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from declarative_paas.apply.tally import Tally
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.event import ApplyOutcome, Event, EventKind
from declarative_paas.core.event_schema import FILE_NAME, event_schema, event_schema_text

ROOT = Path(__file__).parents[3]
STEP = Event(
    kind=EventKind.STEP_STARTED,
    at="2026-01-01T00:00:00.000+00:00",
    step_id="create:app.shop#i1",
    address=ResourceAddress("app", "shop"),
    operation="create",
    region="us",
    total=2,
)
PLAIN = Event(kind=EventKind.APPLY_STARTED, at=STEP.at, total=2)
ONE_OF_EACH = [
    PLAIN,
    STEP,
    replace(STEP, kind=EventKind.STEP_PROGRESS, message="booting web.1"),
    replace(STEP, kind=EventKind.STEP_RETRIED, message="reset; trying again (2 of 4)", attempt=2),
    replace(STEP, kind=EventKind.STEP_SUCCEEDED, elapsed_s=1.23456, done=1),
    replace(STEP, kind=EventKind.STEP_FAILED, message="no", code="R10", detail=("last", "words"), elapsed_s=2.0),
    replace(STEP, kind=EventKind.STEP_SKIPPED, message="waits for app.shop, which failed"),
    replace(PLAIN, kind=EventKind.INTERRUPTED),
    replace(
        PLAIN,
        kind=EventKind.APPLY_FINISHED,
        elapsed_s=3.0,
        outcome=ApplyOutcome.FAILED,
        succeeded={"create": 1},
    ),
]


def mistakes(event: Event) -> list[str]:
    return [problem.message for problem in Draft202012Validator(event_schema()).iter_errors(event.to_json())]


def test_the_schema_is_one_and_the_written_one_is_current():
    Draft202012Validator.check_schema(event_schema())
    assert (ROOT / "schemas" / FILE_NAME).read_text(encoding="utf-8") == event_schema_text(), "run: dpaas schema"


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.kind.value)
def test_an_event_of_each_kind_fits_the_schema(event: Event):
    assert mistakes(event) == []


def test_there_is_an_example_of_each_kind():
    assert [event.kind for event in ONE_OF_EACH] == list(EventKind)


@pytest.mark.parametrize(
    "event",
    [
        replace(STEP, region=None),
        replace(STEP, kind=EventKind.STEP_FAILED, elapsed_s=1.0),
        replace(STEP, operation="explode"),
        replace(STEP, kind=EventKind.STEP_RETRIED, message="x", attempt=1),
        replace(PLAIN, kind=EventKind.APPLY_FINISHED, elapsed_s=1.0),
        replace(PLAIN, done=-1),
    ],
)
def test_an_event_that_lacks_what_its_kind_has_does_not_fit(event: Event):
    assert mistakes(event)


def test_the_document_has_every_kind_and_every_field():
    text = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    kinds = text.split("## Kinds", 1)[1].split("## Fields", 1)[0]
    fields = text.split("## Fields", 1)[1]
    first_cells = re.findall(r"^\| (`[^|]*`) \|", kinds, re.MULTILINE)
    assert [cell.strip("`") for cell in first_cells] == [kind.value for kind in EventKind]
    told = {
        name for cell in re.findall(r"^\| (`[^|]*`) \|", fields, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }
    assert told == set(event_schema()["properties"])


def test_every_field_is_in_the_schema():
    seen = {name for event in ONE_OF_EACH for name in event.to_json()}
    assert seen == set(event_schema()["properties"])


def test_the_history_s_ear_counts_what_the_stream_tells_and_passes_all_of_it_on():
    heard: list[Event] = []
    tally = Tally(heard.append)
    for event in ONE_OF_EACH[:-1]:
        tally(event)
    with pytest.raises(ValueError, match="has not finished"):
        _ = tally.outcome
    tally(ONE_OF_EACH[-1])
    assert heard == ONE_OF_EACH
    assert tally.outcome is ApplyOutcome.FAILED
    assert tally.succeeded == {"create": 1}
    assert tally.failures == ("app.shop: no",)


def test_an_event_is_one_line_of_json():
    for event in ONE_OF_EACH:
        assert "\n" not in json.dumps(event.to_json())
