"""Every case's plan as text and as JSON. `UPDATE_GOLDEN=1` (or `make golden`) rewrites what is expected."""

from __future__ import annotations

import os

import pytest
from golden_case import CASES, ROOT, run_case, state_of_case

UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


@pytest.mark.parametrize("name", CASES)
def test_a_plan_reads_as_it_did(name):
    if UPDATE:
        _write(name, "state.json", state_of_case(name))
    golden = run_case(name)
    if UPDATE:
        _write(name, "plan.txt", golden.text)
        _write(name, "plan.json", golden.json)
    assert golden.text == (ROOT / name / "plan.txt").read_text(encoding="utf-8")
    assert golden.json == (ROOT / name / "plan.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in CASES if (ROOT / name / "before.yaml").exists()])
def test_the_recorded_state_is_what_the_manifests_before_would_leave(name):
    assert state_of_case(name) == (ROOT / name / "state.json").read_text(encoding="utf-8")


def _write(name: str, file: str, content: str | None) -> None:
    if content is not None:
        (ROOT / name / file).write_text(content, encoding="utf-8")
