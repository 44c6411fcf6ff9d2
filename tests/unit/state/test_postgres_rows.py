"""How a commit's results and intents fold to what each row is in the end."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Intent, StepResult
from declarative_paas.core.values import Sensitive
from declarative_paas.state.postgres_rows import commit_parameters, intent_body, intent_of_body, key_text

SHOP = ResourceAddress("app", "shop")


def record(size: object, instance: str = "i1") -> ResourceState:
    return ResourceState(address=SHOP, instance=instance, region="us", remote_id="r", attributes={"size": size})


def intent(step: str) -> Intent:
    return Intent(step_id=step, operation=Operation.CREATE, address=SHOP, instance="i1", region="us")


def test_no_row_is_named_by_two_parts_of_the_statement_and_the_later_word_counts() -> None:
    results = [
        StepResult(step_id="a", put=record(1)),
        StepResult(step_id="b", put=record(2)),
        StepResult(step_id="c", put=record(1, "old")),
        StepResult(step_id="d", remove=(SHOP, "old")),
        StepResult(step_id="e", put=record(3, "new"), remove=(SHOP, "new")),
        StepResult(step_id="f", error="busy"),
        StepResult(step_id="g", error="unsure", keep_intent=True),
    ]
    folded = commit_parameters("acme", results, [intent("f"), intent("h")])
    assert sorted(folded["ended"]) == ["a", "b", "c", "d", "e"]
    assert folded["begun"] == ["f", "h"]
    assert folded["removed_instances"] == ["old"]
    assert folded["written_instances"] == ["i1", "new"]
    assert ['"size":2' in body for body in folded["bodies"]] == [True, False]
    assert ['"size":3' in body for body in folded["bodies"]] == [False, True]


def test_a_secrets_value_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(TypeError) as refusal:
        commit_parameters("acme", [StepResult(step_id="a", put=record(Sensitive("hunter2")))], [])
    assert "hunter2" not in str(refusal.value)


@given(st.text(), st.text())
def test_key_texts_hold_no_nul_and_are_equal_only_for_equal_texts(one: str, other: str) -> None:
    assert "\0" not in key_text(one)
    assert (key_text(one) == key_text(other)) == (one == other)


@pytest.mark.parametrize(("one", "other"), [("\0", "\\0"), ("\\\0", "\\\\0"), ("a\\", "a\\\\")])
def test_what_stands_for_a_nul_is_never_taken_for_it(one: str, other: str) -> None:
    assert key_text(one) != key_text(other)


@given(st.text(), st.text(), st.sampled_from(Operation))
def test_an_intent_comes_back_from_its_body(step: str, region: str, operation: Operation) -> None:
    begun = Intent(step_id=step, operation=operation, address=SHOP, instance="i\0", region=region)
    body = intent_body(begun)
    assert "\0" not in body
    assert intent_of_body(body) == begun


def test_a_state_in_a_file_loads_nothing_of_the_database() -> None:
    program = (
        "import sys, declarative_paas.workflow.world; "
        "print([n for n in sys.modules if n.startswith(('psycopg', 'declarative_paas.state.postgres'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
