"""The crash harness on a team's state: a SIGKILL at a write or an effect is made good by the next run.

Some kill points of each kind; `make crash` takes more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from exhaustive import SIDES, walk
from postgres_stage import Stage
from scenarios import SCENARIOS, Scenario
from team_doomed import TeamDoomed

STRIDE = 20


@pytest.fixture(scope="module")
def doomed() -> Iterator[TeamDoomed]:
    made = TeamDoomed()
    try:
        yield made
    finally:
        made.close()


# Each scenario with one side of each kind, so that all of both come to pass: the whole product is `make crash`'s.
SAMPLE = [(scenario, kind) for number, scenario in enumerate(SCENARIOS) for kind in SIDES[number % 2 :: 2]]


@pytest.mark.parametrize(
    ("scenario", "kind"),
    SAMPLE,
    ids=[f"{scenario.name}, {' '.join(kind)}".replace(" ", "-") for scenario, kind in SAMPLE],
)
def test_a_run_killed_anywhere_is_made_good_by_the_next(
    server: Stage, doomed: TeamDoomed, scenario: Scenario, kind: tuple[str, str]
) -> None:
    what, side = kind
    first = 2 + SIDES.index((what, side))
    tally = walk(doomed, scenario, what, side, numbers=itertools.count(first, STRIDE), parallelism=8)
    assert tally.kill_points > 0
    assert tally.bad == []
