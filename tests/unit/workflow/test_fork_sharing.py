"""A fork's release command that runs against its source's live data is told before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_case import SHOP, ForkCase, codes

from declarative_paas.core.diagnostic import Diagnostic

SHARING = {"from": "shop", "region": "us", "data": {"DATABASE": "share", "REDIS": "empty"}}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    found.apps["shop"] = {**SHOP, "release": "migrate --all"}
    found.must_apply()
    try:
        yield found
    finally:
        found.close()


def warned(case: ForkCase) -> list[Diagnostic]:
    planned = case.plan()
    assert codes(list(planned.diagnostics)) == []
    return [one for one in planned.diagnostics if one.code == "fork-share-release"]


def test_the_release_of_a_fork_that_shares_is_told_with_its_command_and_whose_data_it_is(case: ForkCase) -> None:
    case.apps["beside"] = SHARING
    (found,) = warned(case)
    assert "beside (migrate --all) runs against the live DATABASE of shop" in found.summary
    assert found.position is not None
    case.must_apply()
    assert warned(case) == []


@pytest.mark.parametrize(
    "own",
    [
        {"release": None},
        {"data": {"DATABASE": "copy", "REDIS": "empty"}},
        {"data": {"DATABASE": "empty", "REDIS": "empty"}},
    ],
)
def test_a_fork_without_a_release_command_or_with_its_own_data_is_not_warned_of(
    case: ForkCase, own: dict[str, object]
) -> None:
    case.apps["beside"] = {**SHARING, **own}
    assert warned(case) == []


def test_it_is_told_again_when_the_command_runs_again(case: ForkCase) -> None:
    case.apps["beside"] = SHARING
    case.must_apply()
    case.apps["beside"] = {**SHARING, "config": {"LOG": "debug"}}
    assert len(warned(case)) == 1
