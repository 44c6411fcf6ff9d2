"""Saved plans on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from declarative_paas.cli.planfile import read_plan, write_plan
from declarative_paas.core.address import Scope
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Plan

PLAN = Plan(scope=Scope("acme"), lineage="l", serial=3, tool_version="0", catalog_digest="c")


def test_a_plan_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    write_plan(PLAN, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == PLAN


def test_only_its_owner_reads_a_plan_also_where_another_file_was(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("old")
    (tmp_path / "plan.json").chmod(0o644)
    write_plan(PLAN, tmp_path / "plan.json")
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o600


def test_a_plan_that_cannot_be_written_leaves_the_old_one_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.json").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_plan(PLAN, tmp_path / "plan.json")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("plan.json", "old")]


def test_a_directory_is_no_plan(tmp_path: Path) -> None:
    found = read_plan(tmp_path)
    assert isinstance(found, Diagnostic)
    assert found.code == "unreadable-file"
