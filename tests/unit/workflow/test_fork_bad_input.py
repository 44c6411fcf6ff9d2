"""A fork of a source that is not ready to be one: nothing is copied from it, and the next apply goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_case import FORK, ForkCase

from declarative_paas.apply.executor import ApplyResult


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    try:
        yield found
    finally:
        found.close()


def failed(result: ApplyResult) -> list[str]:
    return sorted(str(failure.step.address) for failure in result.failures)


def recorded(case: ForkCase) -> set[str]:
    world = case.world
    return {str(address) for address, _ in world.store.snapshot(world.project.scope).resources}


def test_nothing_is_copied_from_a_source_whose_release_failed(case: ForkCase) -> None:
    case.apps["shop-eu"] = FORK
    case.memory("us").fail_on("release.shop")
    result = case.apply()
    assert failed(result) == ["release.shop"]
    assert recorded(case) & {"data_copy.shop-eu/DATABASE", "release.shop-eu", "formation.shop-eu"} == set()
    case.write_row("us", "addon.shop/DATABASE", "order 1", "two mugs")
    case.must_apply()
    assert case.rows("eu", "addon.shop-eu/DATABASE") == {"order 1": "two mugs"}


def test_a_fork_that_its_region_has_no_room_for_leaves_its_source_as_it_is(case: ForkCase) -> None:
    case.must_apply()
    case.write_row("us", "addon.shop/DATABASE", "order 1", "two mugs")
    case.apps["shop-eu"] = FORK
    case.memory("eu").fail_on("addon.shop-eu/DATABASE", summary="the disk is full")
    before = case.memory("us").read(case.scope("us"))
    result = case.apply()
    assert failed(result) == ["addon.shop-eu/DATABASE"]
    assert "release.shop-eu" not in recorded(case)
    assert case.memory("us").read(case.scope("us")) == before
    case.must_apply()
    assert case.rows("eu", "addon.shop-eu/DATABASE") == {"order 1": "two mugs"}
