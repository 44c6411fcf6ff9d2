"""The rolling deploy: start, check, switch, drain, stop. A failure leaves the old dynos serving."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from declarative_paas.core.provider import ErrorKind, ProviderError, StepContext
from declarative_paas.providers.hosting.dynos import Dyno, RunningDyno
from declarative_paas.providers.hosting.host import RegionHost
from declarative_paas.providers.hosting.records import ReleaseRecord
from declarative_paas.providers.hosting.side_by_side import side_by_side
from declarative_paas.providers.router.errors import ServersNotUpError
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.runtime.status import DynoStatus

POLL_S = 0.05
BOOT_SLACK_S = 10.0
"""The dyno's host itself reports R10; this much later we stop waiting for its word."""

SETTLE_S = 1.0
"""A worker has no port to bind: it counts as started when it has stayed up this long."""

STOPPED_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    dyno: Dyno
    running: RunningDyno
    since: datetime


class Rollout:
    """One rollout; made for it and not used again."""

    def __init__(self, region: RegionHost, context: StepContext) -> None:
        self._region = region
        self._context = context
        self._failed = threading.Event()
        self._causes: list[Exception] = []

    def run(self, app: str, wanted: Sequence[Dyno], release: ReleaseRecord) -> None:
        """Afterwards exactly the wanted dynos run and the web ones serve. Raises ProviderError (R10, exit
        status, failed health check) with the dyno's last lines, having removed what it started."""
        existing = self._region.dynos.all().get(app, {})
        down = self._down_in_router(app) if existing else set[str]()
        fresh = [dyno for dyno in wanted if dyno.name in down or not _serves(existing.get(dyno.id))]
        started: list[_Started] = []

        def fresh_ones() -> list[_Started]:
            return [item for item in started if item.dyno.id not in existing]

        def bring_up(group: Sequence[Dyno]) -> None:
            try:
                self._bring_up(group, release, started)
            except ProviderError:
                if not existing:
                    self.take_out_of_rotation(app)
                self._undo(fresh_ones(), others=bool(existing))
                raise

        def serve() -> None:
            running = {**existing, **{item.dyno.id: item.running for item in started}}
            try:
                self._switch(app, [(dyno, running[dyno.id]) for dyno in wanted if dyno.is_web])
            except ServersNotUpError as problem:
                # Any other failure may have come when the new dynos had taken over already: they stay then.
                failed = ProviderError(ErrorKind.FAILED, str(problem), detail=self._lines_of(problem, started))
                self._undo(fresh_ones(), others=bool(existing))
                raise failed from None

        # Web first: the first that cannot serve stops the rollout before any worker of the new
        # release has touched a job.
        bring_up([dyno for dyno in fresh if dyno.is_web])
        if not existing:
            # Nothing else serves, and somebody may be waiting for it: a move ends its freeze with this.
            serve()
        bring_up([dyno for dyno in fresh if not dyno.is_web])
        if existing:
            serve()
        ids = {dyno.id for dyno in wanted}
        stop_dynos(self._region, [item for name, item in existing.items() if name not in ids], self._context)

    def take_out_of_rotation(self, app: str) -> None:
        """No new request reaches the app; running ones end."""
        self._region.router.switch(app, (), drain_timeout_s=self._region.settings.seconds("drain_timeout_s"))

    def _bring_up(self, group: Sequence[Dyno], release: ReleaseRecord, started: list[_Started]) -> None:
        """Every dyno of the group is up; `started` tells, also on a failure, which were started.

        Each is waited for while others still start: those keep the host busy, a booting dyno only itself.
        """
        at_once = self._region.dynos.at_once

        def begin(dyno: Dyno) -> Future[None]:
            with self._noted():
                if self._failed.is_set():
                    raise ProviderError(ErrorKind.CANCELLED, f"{dyno.name} was not started any more")
                item = self._start(dyno, release)
            started.append(item)
            return waiting.submit(self._wait, item)

        try:
            with ThreadPoolExecutor(at_once) as waiting:
                begun = side_by_side(at_once, begin, group)
            for wait in begun:
                wait.result()
        except Exception as problem:
            raise self._causes[0] from problem

    @contextmanager
    def _noted(self) -> Generator[None]:
        """The first failure ends all else. It is noted before the others hear of it: they give up because of it."""
        try:
            yield
        except Exception as problem:
            self._causes.append(problem)
            self._failed.set()
            raise

    def _down_in_router(self, app: str) -> set[str]:
        """Web dynos that run and do not pass the router's check: they are started again."""
        pattern = re.compile(rf"server (\S+)-v\d+ of {re.escape(app)} is down")
        return {match[1] for problem in self._region.router.problems() if (match := pattern.fullmatch(problem))}

    def _start(self, dyno: Dyno, release: ReleaseRecord) -> _Started:
        self._context.report(f"starting {dyno.name} of v{dyno.release} ({dyno.size.name})")
        since = datetime.now(UTC)
        return _Started(dyno=dyno, running=self._region.dynos.start(dyno, release), since=since)

    def _wait(self, started: _Started) -> None:
        """Until it is up, and healthy when it says how to tell. The first failure ends the wait for all."""
        with self._noted():
            self._wait_up(started)
            if started.dyno.is_web and started.dyno.health:
                self._wait_healthy(started, started.dyno.health)
            elif not started.dyno.is_web:
                self._wait_settled(started)
        self._context.report(f"{started.dyno.name} of v{started.dyno.release} is up")

    def _wait_up(self, started: _Started) -> None:
        deadline = time.monotonic() + self._region.settings.seconds("boot_timeout_s") + BOOT_SLACK_S
        while True:
            status = self._region.dynos.status(started.running)
            if status is not None and status.state == "up":
                return
            if status is not None and status.state == "crashed":
                raise self._failure(started, status)
            if self._context.cancelled() or self._failed.is_set():
                raise ProviderError(ErrorKind.CANCELLED, f"{started.dyno.name} was not waited for any longer")
            if time.monotonic() > deadline:
                raise self._failure(started, status)
            time.sleep(POLL_S)

    def _wait_settled(self, started: _Started) -> None:
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            status = self._region.dynos.status(started.running)
            if status is not None and (status.state == "crashed" or status.crashes):
                raise self._failure(started, status)
            time.sleep(POLL_S)

    def _wait_healthy(self, started: _Started, path: str) -> None:
        dyno, host = started.dyno, self._region.dynos
        timeout = self._region.settings.seconds("health_timeout_s")
        deadline = time.monotonic() + timeout
        answer = "no answer"
        while time.monotonic() < deadline and not self._context.cancelled() and not self._failed.is_set():
            status = host.status(started.running)
            if status is not None and status.state == "crashed":
                raise self._failure(started, status)
            answer = host.health(started.running, path)
            if answer == "":
                return
            time.sleep(POLL_S * 2)
        raise ProviderError(
            ErrorKind.FAILED,
            f"{dyno.name} of v{dyno.release} did not get healthy within {timeout:.0f} s: {path} gives {answer}",
            detail=self._lines(started),
        )

    def _failure(self, started: _Started, status: DynoStatus | None) -> ProviderError:
        dyno = started.dyno
        code = None if status is None else status.error
        if code == "R10":
            timeout = self._region.settings.seconds("boot_timeout_s")
            summary = (
                f"{dyno.name} of v{dyno.release}: Error R10 (Boot timeout) -> Web process failed to bind to "
                f"$PORT within {timeout:.0f} seconds of launch"
            )
        elif status is not None and status.exit_code is not None:
            summary = f"{dyno.name} of v{dyno.release} crashed with exit status {status.exit_code}"
        else:
            summary = f"{dyno.name} of v{dyno.release} did not start"
        return ProviderError(ErrorKind.FAILED, summary, code=code, detail=self._lines(started))

    def _lines(self, started: _Started) -> Sequence[str]:
        return self._region.dynos.last_lines(started.running, since=started.since)

    def _lines_of(self, problem: ServersNotUpError, started: Sequence[_Started]) -> list[str]:
        """The last lines of those that did not come up."""
        down = [item for item in started if server_name(item.dyno) in problem.reasons]
        return [line for item in down for line in self._lines(item)]

    def _undo(self, started: Sequence[_Started], *, others: bool) -> None:
        if started:
            rest = ": the release before goes on serving" if others else ""
            self._context.report(f"removing the new dynos{rest}")
        stop_dynos(self._region, [item.running for item in started])

    def _switch(self, app: str, web: Sequence[tuple[Dyno, RunningDyno]]) -> None:
        """The router sends new requests to the wanted web dynos; old ones finish what they have."""
        servers: list[Server] = []
        for dyno, running in web:
            assert running.port is not None, "a web dyno has a port"
            servers.append(
                Server(name=server_name(dyno), address=running.address, port=running.port, check_path=dyno.health)
            )
        if servers:
            self._context.report(f"switching the router to {len(servers)} web dynos")
        self._region.router.switch(
            app, tuple(servers), drain_timeout_s=self._region.settings.seconds("drain_timeout_s")
        )


def stop_dynos(region: RegionHost, dynos: Sequence[RunningDyno], context: StepContext | None = None) -> None:
    """SIGTERM, 30 s, SIGKILL, all side by side; then nothing is left of them."""
    if context is not None and dynos:
        context.report("stopping " + ", ".join(f"{item.name} of v{item.release}" for item in dynos))
    side_by_side(STOPPED_AT_ONCE, region.dynos.stop, dynos)


def server_name(dyno: Dyno) -> str:
    """How the router names a dyno."""
    return f"{dyno.name}-v{dyno.release}"


def _serves(running: RunningDyno | None) -> bool:
    return running is not None and running.is_up
