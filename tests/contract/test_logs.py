"""The log of an app, on every provider that does not decline it: Heroku's lines, also of dynos that are gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from provider_case import DECLINED, IMPLEMENTATIONS, Bench

LOGGING = sorted(name for name in IMPLEMENTATIONS if "logs" not in DECLINED[name])


@pytest.fixture(params=LOGGING)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with IMPLEMENTATIONS[request.param]() as found:
        yield found


def worker(release: int, command: str) -> dict[str, Any]:
    process = {"command": command, "size": "standard-1x", "quantity": 1, "health": None}
    return {"release": release, "processes": {"worker": process}}


def lines(bench: Bench) -> list[str]:
    """Without their times, which are in order; the number of a one-off dyno is left out."""
    region = cast("Any", bench.provider)._open()
    told: list[str] = list(region.dynos.logs("shop", tail=1000, follow=False))
    times = [line.partition(" ")[0] for line in told]
    assert times == sorted(times)
    return [re.sub(r"\[release\.\d+\]", "[release]", line.partition(" ")[2]) for line in told]


def in_order(told: list[str], *wanted: str) -> None:
    rest = iter(told)
    for line in wanted:
        assert line in rest, f"{line!r} is not there, or not after those before it:\n" + "\n".join(told)


def test_what_dynos_that_are_gone_said_and_how_they_ended_stays_in_the_log(bench: Bench) -> None:
    done = bench.make_app()
    wanted = {**bench.release_attributes(done), "command": "echo migrated"}
    release = bench.update("release.shop", wanted)
    stubborn = "trap '' TERM; echo said by one; while :; do sleep 1; done"
    bench.update("formation.shop", worker(release.outputs["version"], stubborn))
    release = bench.update("release.shop", {**wanted, "command": "echo migrated again"})
    bench.update("formation.shop", worker(release.outputs["version"], "echo said by two; exec sleep 1000"))

    told = lines(bench)
    in_order(
        told,
        "heroku[release]: Starting process with command `echo migrated`",
        "app[release]: migrated",
        "heroku[release]: Process exited with status 0",
        f"heroku[worker.1]: Starting process with command `{stubborn}`",
        "app[worker.1]: said by one",
        "app[release]: migrated again",
        "heroku[worker.1]: Starting process with command `echo said by two; exec sleep 1000`",
        "app[worker.1]: said by two",
    )
    in_order(
        told,
        "app[worker.1]: said by one",
        "heroku[worker.1]: Stopping all processes with SIGTERM",
        "heroku[worker.1]: Error R12 (Exit timeout) -> Process failed to exit within 5 seconds of SIGTERM",
        "heroku[worker.1]: Stopping process with SIGKILL",
        "heroku[worker.1]: Process exited with status 137",
    )
    for line in ("app[worker.1]: said by one", "app[release]: migrated"):
        assert told.count(line) == 1
    bench.remove_app()
