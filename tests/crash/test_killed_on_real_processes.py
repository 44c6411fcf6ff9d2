"""A SIGKILL of an apply on the local provider: what runs afterwards is what would run without it.

A few moments here; `make crash` takes twelve of each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_doomed import LocalDoomed

MOMENTS = 2


@pytest.fixture
def doomed() -> Iterator[LocalDoomed]:
    made = LocalDoomed()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("what", ["first_deploys", "rolling_updates"])
def test_a_deploy_killed_in_mid_flight_is_made_good_and_leaves_nothing(doomed: LocalDoomed, what: str) -> None:
    report = getattr(doomed, what)(MOMENTS)
    assert report.bad == []
    assert report.killed > 0
