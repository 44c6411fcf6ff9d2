"""The rolling deploy: start, check, switch, drain, stop. A failure leaves the old dynos serving."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError, StepContext
from declarative_paas.providers.local.app_step import app_host
from declarative_paas.providers.local.dynos import Dyno
from declarative_paas.providers.local.environment import dyno_spec
from declarative_paas.providers.local.loglines import last_lines
from declarative_paas.providers.local.records import ReleaseRecord
from declarative_paas.providers.local.region import LocalRegion
from declarative_paas.providers.local.view import RunningDyno, list_dynos
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.runtime.dyno_program import dyno_program
from declarative_paas.providers.runtime.spec import DynoSpec
from declarative_paas.providers.runtime.status import DynoStatus, read_status

POLL_S = 0.05
BOOT_SLACK_S = 10.0
"""The runner itself reports R10; this much later we stop waiting for its word."""

SETTLE_S = 1.0
"""A worker has no port to bind: it counts as started when it has stayed up this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    dyno: Dyno
    spec: DynoSpec
    since: datetime


class Rollout:
    def __init__(self, region: LocalRegion, context: StepContext) -> None:
        self._region = region
        self._context = context

    def run(self, app: str, wanted: Sequence[Dyno], release: ReleaseRecord) -> None:
        """Afterwards exactly the wanted dynos run and the web ones serve. Raises ProviderError (R10, exit
        status, failed health check) with the dyno's last lines, having removed what it started."""
        existing = list_dynos(self._region).get(app, {})
        down = self._down_in_router(app)
        fresh = [dyno for dyno in wanted if dyno.name in down or not self._serves(existing.get(dyno.id))]
        started: list[_Started] = []
        try:
            # Web first: the first that cannot serve stops the rollout before any worker of the new
            # release has touched a job.
            for group in ([dyno for dyno in fresh if dyno.is_web], [dyno for dyno in fresh if not dyno.is_web]):
                begun = [self._start(dyno, release) for dyno in group]
                started += begun
                for item in begun:
                    self._wait(item)
        except ProviderError:
            self._undo([item for item in started if item.dyno.id not in existing], others=bool(existing))
            raise
        self._switch(app, wanted)
        ids = {dyno.id for dyno in wanted}
        stop_dynos(self._region, [item for name, item in existing.items() if name not in ids], self._context)

    def take_out_of_rotation(self, app: str) -> None:
        """No new request reaches the app; running ones end."""
        self._region.router.switch(app, (), drain_timeout_s=self._region.settings.seconds("drain_timeout_s"))

    def _down_in_router(self, app: str) -> set[str]:
        """Web dynos that run and do not pass the router's check: they are started again."""
        pattern = re.compile(rf"server (\S+)-v\d+ of {re.escape(app)} is down")
        return {match[1] for problem in self._region.router.problems() if (match := pattern.fullmatch(problem))}

    def _serves(self, running: RunningDyno | None) -> bool:
        up = running is not None and running.status is not None and running.status.state == "up"
        return up and running is not None and running.spec.home.exists()

    def _start(self, dyno: Dyno, release: ReleaseRecord) -> _Started:
        region = self._region
        self._context.report(f"starting {dyno.name} of v{dyno.release} ({dyno.size.name})")
        path = spec_path(region, dyno.id)
        port = region.ports.claim(port_owner(region, dyno.id)) if dyno.is_web else None
        spec = dyno_spec(region, dyno, release, port)
        since = datetime.now(UTC)
        before = path.exists()
        spec.save(path)
        if before:
            # Known but not up: a crashed dyno waits in its back-off, which a deploy resets.
            region.supervisor.put(dyno_program(dyno.id, spec, path))
            spec.status.unlink(missing_ok=True)
            region.supervisor.restart(dyno.id)
        else:
            spec.status.unlink(missing_ok=True)
            region.supervisor.put(dyno_program(dyno.id, spec, path))
        return _Started(dyno=dyno, spec=spec, since=since)

    def _wait(self, started: _Started) -> None:
        """Until it is up, and healthy when it says how to tell."""
        dyno, spec = started.dyno, started.spec
        deadline = time.monotonic() + spec.boot_timeout_s + BOOT_SLACK_S
        while True:
            status = read_status(spec.status)
            if status is not None and status.state == "up":
                break
            if status is not None and status.state == "crashed":
                raise self._failure(started, status)
            if self._context.cancelled():
                raise ProviderError(ErrorKind.CANCELLED, f"{dyno.name} was not waited for any longer")
            if time.monotonic() > deadline:
                raise self._failure(started, status)
            time.sleep(POLL_S)
        if dyno.is_web and dyno.health:
            self._wait_healthy(started)
        elif not dyno.is_web:
            self._wait_settled(started)
        self._context.report(f"{dyno.name} of v{dyno.release} is up")

    def _wait_settled(self, started: _Started) -> None:
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            status = read_status(started.spec.status)
            if status is not None and (status.state == "crashed" or status.crashes):
                raise self._failure(started, status)
            time.sleep(POLL_S)

    def _wait_healthy(self, started: _Started) -> None:
        dyno, spec = started.dyno, started.spec
        timeout = self._region.settings.seconds("health_timeout_s")
        deadline = time.monotonic() + timeout
        answer = "no answer"
        while time.monotonic() < deadline and not self._context.cancelled():
            status = read_status(spec.status)
            if status is not None and status.state == "crashed":
                raise self._failure(started, status)
            answer = _health(spec, dyno.health or "/")
            if answer == "":
                return
            time.sleep(POLL_S * 2)
        raise ProviderError(
            ErrorKind.FAILED,
            f"{dyno.name} of v{dyno.release} did not get healthy within {timeout:.0f} s: {dyno.health} gives {answer}",
            detail=self._lines(started),
        )

    def _failure(self, started: _Started, status: DynoStatus | None) -> ProviderError:
        dyno = started.dyno
        code = None if status is None else status.error
        if code == "R10":
            summary = (
                f"{dyno.name} of v{dyno.release}: Error R10 (Boot timeout) -> Web process failed to bind to "
                f"$PORT within {started.spec.boot_timeout_s:.0f} seconds of launch"
            )
        elif status is not None and status.exit_code is not None:
            summary = f"{dyno.name} of v{dyno.release} crashed with exit status {status.exit_code}"
        else:
            summary = f"{dyno.name} of v{dyno.release} did not start"
        return ProviderError(ErrorKind.FAILED, summary, code=code, detail=self._lines(started))

    def _lines(self, started: _Started) -> list[str]:
        return last_lines(started.spec.log, started.dyno.name, since=started.since)

    def _undo(self, started: Sequence[_Started], *, others: bool) -> None:
        if started:
            rest = ": the release before goes on serving" if others else ""
            self._context.report(f"removing the new dynos{rest}")
        stop_dynos(self._region, [RunningDyno(spec=item.spec, status=None) for item in started])

    def _switch(self, app: str, wanted: Sequence[Dyno]) -> None:
        """The router sends new requests to the wanted web dynos; old ones finish what they have."""
        servers: list[Server] = []
        for dyno in wanted:
            if not dyno.is_web:
                continue
            spec = DynoSpec.load(spec_path(self._region, dyno.id))
            assert spec.port is not None, "a web dyno has a port"
            servers.append(
                Server(name=f"{dyno.name}-v{dyno.release}", address="127.0.0.1", port=spec.port, check_path=dyno.health)
            )
        if servers:
            self._context.report(f"switching the router to {len(servers)} web dynos")
        self._region.router.switch(
            app, tuple(servers), drain_timeout_s=self._region.settings.seconds("drain_timeout_s")
        )


def stop_dynos(region: LocalRegion, dynos: Sequence[RunningDyno], context: StepContext | None = None) -> None:
    """SIGTERM, 30 s, SIGKILL, all side by side; then their files and ports are gone."""
    problems: list[Exception] = []

    def stop(item: RunningDyno) -> None:
        spec = item.spec
        try:
            region.supervisor.remove(spec.id)
            # The spec last: as long as it is there, the dyno is known and a later apply removes it.
            spec.environment_file.unlink(missing_ok=True)
            spec.status.unlink(missing_ok=True)
            region.ports.release(port_owner(region, spec.id))
            spec_path(region, spec.id).unlink(missing_ok=True)
        except Exception as problem:
            problems.append(problem)

    if context is not None and dynos:
        context.report("stopping " + ", ".join(f"{item.spec.name} of v{item.spec.release}" for item in dynos))
    threads = [threading.Thread(target=stop, args=(item,), daemon=True) for item in dynos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def spec_path(region: LocalRegion, dyno_id: str) -> Path:
    return region.dynos_directory / f"{dyno_id}.json"


def port_owner(region: LocalRegion, dyno_id: str) -> str:
    return f"{region.settings.region}/{dyno_id}"


def _health(spec: DynoSpec, path: str) -> str:
    """Empty when healthy (2xx or 3xx), else what came back."""
    assert spec.port is not None, "only web dynos have a health path"
    connection = http.client.HTTPConnection("127.0.0.1", spec.port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": app_host(spec.app), "User-Agent": "dpaas-health"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        return type(problem).__name__
    finally:
        connection.close()
    return "" if 200 <= status < 400 else f"status {status}"
