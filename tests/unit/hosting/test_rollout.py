"""The rolling deploy on a host of values: who is started, who serves, who goes, and what is told when it fails."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from declarative_paas.catalog.load import packaged
from declarative_paas.core.provider import ErrorKind, ProviderError, StepContext
from declarative_paas.providers.hosting.dynos import Dyno, RunningDyno, wanted_dynos
from declarative_paas.providers.hosting.records import ReleaseRecord
from declarative_paas.providers.hosting.rollout import Rollout
from declarative_paas.providers.router.errors import ServersNotUpError
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.runtime.status import DynoStatus

WEB = {"command": "serve", "size": "standard-1x", "quantity": 2, "health": None}
WORKER = {"command": "work", "size": "standard-1x", "quantity": 1, "health": None}


class Dynos:
    """Dynos are up as soon as they are started, but for those in `exits`, which end with that status."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.running: dict[str, RunningDyno] = {}
        self.exits: dict[str, int] = {}
        self.started: list[str] = []
        self._lock = threading.Lock()

    def all(self) -> Mapping[str, Mapping[str, RunningDyno]]:
        return {"shop": dict(self.running)}

    def start(self, dyno: Dyno, release: ReleaseRecord) -> RunningDyno:
        with self._lock:
            self.started.append(dyno.name)
            status = DynoStatus(name=dyno.name, release=dyno.release, state="up", since="")
            found = RunningDyno(
                id=dyno.id,
                app=dyno.app,
                name=dyno.name,
                type=dyno.type,
                release=dyno.release,
                command=dyno.command,
                address="10.0.0.1",
                port=8000 if dyno.is_web else None,
                status=status,
            )
            self.running[dyno.id] = found
            return found

    def status(self, dyno: RunningDyno) -> DynoStatus | None:
        if dyno.name in self.exits:
            return DynoStatus(
                name=dyno.name, release=dyno.release, state="crashed", since="", exit_code=self.exits[dyno.name]
            )
        # Side by side, not yet: whoever waits for it gives up when another one fails.
        state: Any = "starting" if self.exits and self.at_once > 1 else "up"
        return DynoStatus(name=dyno.name, release=dyno.release, state=state, since="")

    def last_lines(self, dyno: RunningDyno, *, since: datetime) -> Sequence[str]:
        return [f"last words of {dyno.name}"]

    def stop(self, dyno: RunningDyno) -> None:
        with self._lock:
            del self.running[dyno.id]


class Router:
    def __init__(self) -> None:
        self.servers: tuple[Server, ...] = ()
        self.refuses: str | None = None

    def problems(self) -> tuple[str, ...]:
        return ()

    def switch(self, app: str, servers: tuple[Server, ...], *, drain_timeout_s: float) -> None:
        if self.refuses is not None:
            raise ServersNotUpError(app, {self.refuses: "status 503"})
        self.servers = servers


class Region:
    def __init__(self, at_once: int) -> None:
        self.dynos, self.router = Dynos(at_once), Router()
        self.settings = SimpleNamespace(seconds=lambda name: 5.0)

    def roll_out(self, release: int, **processes: Mapping[str, Any]) -> None:
        context = StepContext(report=lambda line: None, cancelled=lambda: False)
        wanted = wanted_dynos("here", "shop", release, processes, packaged())
        record = ReleaseRecord(
            app="shop",
            version=release,
            slug="s",
            environment="",
            inputs={},
            status="succeeded",
            created_at="",
            description="",
            key="",
        )
        Rollout(self, context).run("shop", wanted, record)  # type: ignore[arg-type]

    @property
    def names(self) -> list[str]:
        return sorted(f"{dyno.name}-v{dyno.release}" for dyno in self.dynos.running.values())


@pytest.fixture(params=[1, 4], ids=["one at a time", "side by side"])
def region(request: pytest.FixtureRequest) -> Region:
    return Region(request.param)


def test_the_new_release_serves_and_the_old_one_is_gone(region: Region):
    region.roll_out(1, web=WEB)
    region.roll_out(2, web=WEB)
    assert region.names == ["web.1-v2", "web.2-v2"]
    assert [server.name for server in region.router.servers] == ["web.1-v2", "web.2-v2"]


def test_what_runs_already_is_not_started_again(region: Region):
    region.roll_out(1, web=WEB)
    region.dynos.started.clear()
    region.roll_out(1, web={**WEB, "quantity": 3})
    assert region.dynos.started == ["web.3"]
    assert [server.name for server in region.router.servers] == ["web.1-v1", "web.2-v1", "web.3-v1"]


def test_no_worker_of_a_release_starts_before_all_its_web_dynos_are_up(region: Region):
    region.roll_out(1, web=WEB, worker=WORKER)
    region.dynos.exits = {"web.2": 3}
    region.dynos.started.clear()
    with pytest.raises(ProviderError):
        region.roll_out(2, web=WEB, worker=WORKER)
    assert "worker.1" not in region.dynos.started


def test_where_nothing_runs_the_web_dynos_serve_before_a_worker_starts(region: Region):
    served: list[tuple[str, ...]] = []
    start = region.dynos.start

    def watched(dyno: Dyno, release: ReleaseRecord) -> RunningDyno:
        if not dyno.is_web:
            served.append(tuple(server.name for server in region.router.servers))
        return start(dyno, release)

    region.dynos.start = watched  # type: ignore[method-assign]
    region.roll_out(1, web=WEB, worker=WORKER)
    region.roll_out(2, web=WEB, worker=WORKER)
    # Beside an old release the router waits for all of the new one.
    assert served == [("web.1-v1", "web.2-v1")] * 2
    assert region.names == ["web.1-v2", "web.2-v2", "worker.1-v2"]


def test_a_first_release_whose_worker_does_not_start_serves_nothing(region: Region):
    region.dynos.exits = {"worker.1": 3}
    region.dynos.at_once = 1
    with pytest.raises(ProviderError, match=r"worker\.1 of v1 crashed"):
        region.roll_out(1, web=WEB, worker=WORKER)
    assert (region.names, region.router.servers) == ([], ())


def test_the_failure_that_is_told_is_the_cause_and_not_that_the_others_gave_up(region: Region):
    region.roll_out(1, web=WEB)
    region.dynos.exits = {"web.1": 7}
    with pytest.raises(ProviderError) as failure:
        region.roll_out(2, web=WEB)
    assert failure.value.kind is ErrorKind.FAILED
    assert failure.value.summary == "web.1 of v2 crashed with exit status 7"
    assert failure.value.detail == ("last words of web.1",)
    assert region.names == ["web.1-v1", "web.2-v1"]
    assert [server.name for server in region.router.servers] == ["web.1-v1", "web.2-v1"]


def test_servers_that_the_router_finds_down_are_taken_away_with_their_last_words(region: Region):
    region.roll_out(1, web=WEB)
    region.router.refuses = "web.2-v2"
    with pytest.raises(ProviderError) as failure:
        region.roll_out(2, web=WEB)
    assert failure.value.kind is ErrorKind.FAILED
    assert failure.value.detail == ("last words of web.2",)
    assert region.names == ["web.1-v1", "web.2-v1"]
