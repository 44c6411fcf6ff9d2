"""A SIGKILL before or after any effect on the platform or write to the state is made good by the next run.

Every twelfth kill point here; `make crash` takes them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from doomed import Doomed, KillPoint
from exhaustive import SIDES, walk
from scenarios import SCENARIOS, Scenario

STRIDE = 12


@pytest.fixture(scope="module")
def doomed() -> Iterator[Doomed]:
    made = Doomed()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
@pytest.mark.parametrize(("first", "kind"), list(enumerate(SIDES, 1)), ids=[" ".join(kind) for kind in SIDES])
def test_a_run_killed_anywhere_is_made_good_by_the_next(
    doomed: Doomed, scenario: Scenario, first: int, kind: tuple[str, str]
) -> None:
    what, side = kind
    # One effect at a time makes the n-th of them the same one each time; several at once leave some under way.
    for parallelism, start in ((1, first), (8, first + 2)):
        tally = walk(doomed, scenario, what, side, numbers=itertools.count(start, STRIDE), parallelism=parallelism)
        assert tally.kill_points > 0
        assert tally.bad == []


def test_the_audit_finds_what_is_orphaned_made_twice_and_missing(doomed: Doomed) -> None:
    """The harness can fail: what it must find is planted between the kill and the next run."""
    scenario, point = SCENARIOS[0], KillPoint(what="effect", side="after", at=9)
    expected = doomed.expected(scenario)

    def plant(address: str) -> None:
        doomed.world.put("acme/default/main@us", address, "planted", "k", {"name": "planted"})

    for address, finding in (("app.orphan", "orphans"), ("app.shop", "duplicates")):
        doomed.begin(scenario)
        doomed.kill(scenario, point)
        plant(address)
        verdict = doomed.audit(scenario, point, expected)
        assert any(address in found for found in getattr(verdict, finding)), str(verdict)
    doomed.begin(scenario)
    doomed.must(*scenario.command)
    doomed.world.call("lose", "app.shop")
    verdict = doomed.look(scenario, point, expected)
    assert any("missing" in found for found in verdict.other), str(verdict)
