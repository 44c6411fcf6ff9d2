"""Deadlines and retries: tables that leave nothing out, and that the documents show as they are."""

from __future__ import annotations

from pathlib import Path

from declarative_paas.apply.policy import DEADLINES_S, GRACE_S, RETRIES, Retry, deadline_s
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation, Step
from declarative_paas.core.provider import ErrorKind
from declarative_paas.core.resource_type import RESOURCE_TYPES

ENGINE = Path(__file__).parents[3] / "docs" / "engine.md"


def rows(heading: str) -> list[list[str]]:
    """The first table below a heading of docs/engine.md, without its head; cells without backticks."""
    text = ENGINE.read_text(encoding="utf-8").split(f"\n### {heading}\n", 1)[1]
    lines = [line for line in text.split("\n#", 1)[0].splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_kind_of_error_has_a_policy():
    assert set(RETRIES) == set(ErrorKind)


def test_every_type_has_a_deadline_of_its_own_or_the_common_one():
    assert set(DEADLINES_S) <= set(RESOURCE_TYPES)
    for kind in RESOURCE_TYPES:
        step = Step(
            id="x", operation=Operation.CREATE, address=ResourceAddress(kind, "shop"), instance="i", region="us"
        )
        assert deadline_s(step) > GRACE_S or kind == "secret"


def test_each_wait_is_twice_the_one_before():
    retry = Retry(tries=4, wait_s=0.5)
    assert [retry.wait_before(attempt) for attempt in (2, 3, 4)] == [0.5, 1.0, 2.0]


def test_the_table_of_errors_is_the_code_s():
    told = {row[0]: int(row[2]) for row in rows("Errors")}
    assert told == {kind.value: retry.tries for kind, retry in RETRIES.items()}


def test_the_table_of_deadlines_is_the_code_s():
    told = {kind: float(row[1]) * 60 for row in rows("Deadlines") for kind in row[0].split(", ")}
    for kind in RESOURCE_TYPES:
        step = Step(
            id="x", operation=Operation.CREATE, address=ResourceAddress(kind, "shop"), instance="i", region="us"
        )
        assert told.get(kind, told["anything else"]) == deadline_s(step), kind
