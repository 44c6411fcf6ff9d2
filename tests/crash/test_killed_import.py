"""An import that is killed at any write or takeover is made good by the same import again."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from doomed import SCOPE, Doomed, KillPoint
from scenarios import THREE_APPS, Apps, Scenario

from declarative_paas.apply.executor import LEASE_TTL_S

IMPORT = ("import", "--all", "--from-scope", "older", "--auto-approve")


def _told_by_memory() -> Apps:
    """A memory platform tells no value of a generated secret: without any, nothing is left to change."""
    apps = copy.deepcopy(THREE_APPS)
    del apps["shop"]["config"]["SESSION_KEY"]
    return apps


RUNNING = Scenario(name="running", before=_told_by_memory(), after=_told_by_memory(), command=IMPORT)


@pytest.fixture(scope="module")
def doomed() -> Iterator[Doomed]:
    made = Doomed()
    try:
        yield made
    finally:
        made.close()


def begin(doomed: Doomed) -> None:
    """Some of what runs is this scope's, the rest another one's, and no state records either."""
    doomed.begin(RUNNING)
    for path in (doomed.directory / ".dpaas").glob("state.db*"):
        path.unlink()
    names = [name.partition(" ") for name in doomed.world.call("audit")["addresses"]]
    others = [(scope, address) for scope, _, address in names if address.partition(".")[2].startswith("api")]
    for scope, region in {(scope, scope.partition("@")[2]) for scope, _ in others}:
        things = [item for item in doomed.world.everything() if item["scope"] == scope]
        keys = [(scope, item["address"], item["instance"]) for item in things if (scope, item["address"]) in others]
        doomed.world.rescope(keys, f"older/default/main@{region}")


def state(doomed: Doomed) -> dict[str, Any]:
    store = doomed.store()
    found = {str(key[0]): record.to_json() for key, record in store.snapshot(SCOPE).resources.items()}
    store.close()
    return found


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("what", ["write", "effect"])
def test_a_killed_import_is_made_good_by_the_next(doomed: Doomed, what: str, side: str) -> None:
    begin(doomed)
    doomed.must(*IMPORT)
    expected, world = state(doomed), doomed.world.call("audit")["addresses"]
    assert len(expected) > 15
    killed = 0
    # Every other write here, and between the two sides all of them.
    first, stride = {("write", "before"): (1, 2), ("write", "after"): (2, 2)}.get((what, side), (1, 1))
    for at in itertools.count(first, stride):
        begin(doomed)
        point = KillPoint(what=what, side=side, at=at)
        if what == "effect":
            doomed.world.call("arm", at, side)
            code = doomed.run(*IMPORT).returncode
            doomed.world.call("arm", 0, "")
        else:
            code, _ = doomed._kill_at_write(IMPORT, point)
        if code != -9:
            assert code == 0
            break
        killed += 1
        doomed.must(*IMPORT)
        assert state(doomed) == expected, str(point)
        assert doomed.world.call("audit")["addresses"] == world, str(point)
        plan = doomed.run("plan", "--detailed-exitcode")
        assert plan.returncode == 0, f"{point}: {plan.stdout}{plan.stderr}"
        lease = doomed.lease()
        history = json.loads(doomed.run("history", "--json").stdout)
        assert all(entry["outcome"] == "succeeded" for entry in history), history
        # Killed with all recorded: nobody had to take its lock over, and it ends by itself.
        assert lease is None or lease[1] <= datetime.now(UTC) + timedelta(seconds=LEASE_TTL_S)
    assert killed >= (3 if what == "write" else 1)
