"""Dynos as programs of the region's supervisor, each under a runner of its own."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from declarative_paas.providers.hosting.dynos import Dyno, RunningDyno
from declarative_paas.providers.hosting.host import OneOff
from declarative_paas.providers.hosting.records import ReleaseRecord
from declarative_paas.providers.local.loglines import follow as follow_lines
from declarative_paas.providers.local.loglines import last_lines
from declarative_paas.providers.local.loglines import tail as tail_lines
from declarative_paas.providers.local.specs import dyno_spec, one_off_spec
from declarative_paas.providers.runtime.dyno_program import dyno_program
from declarative_paas.providers.runtime.spec import DynoSpec, SpecError
from declarative_paas.providers.runtime.status import DynoStatus, read_status

if TYPE_CHECKING:
    from declarative_paas.providers.local.region import LocalRegion

ADDRESS = "127.0.0.1"


class LocalDynos:
    """The region's dynos. A dyno is known as long as its spec file is there."""

    at_once = 1
    """Starting one is a line to the supervisor."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region

    def all(self) -> Mapping[str, Mapping[str, RunningDyno]]:
        """From the spec files: one directory listing."""
        found: dict[str, dict[str, RunningDyno]] = {}
        for path in sorted(self._region.dynos_directory.glob("*.json")):
            try:
                spec = DynoSpec.load(path)
            except SpecError:
                continue  # written by another version or cut short: its program shows as a problem by its absence
            found.setdefault(spec.app, {})[spec.id] = _running(spec)
        return found

    def supervised(self, programs: Iterable[str]) -> Mapping[str, Mapping[str, RunningDyno]]:
        """The same; a dyno without a program of the supervisor is down, whatever its files say."""
        names = set(programs)
        return {
            app: {name: item if name in names else _down(item) for name, item in dynos.items()}
            for app, dynos in self.all().items()
        }

    def sampled(self, app: str) -> Mapping[str, RunningDyno]:
        """The runners sample by themselves."""
        return self.all().get(app, {})

    def start(self, dyno: Dyno, release: ReleaseRecord) -> RunningDyno:
        region = self._region
        path = self._spec_path(dyno.id)
        port = region.ports.claim(self._port_owner(dyno.id)) if dyno.is_web else None
        spec = dyno_spec(region, dyno, release, port)
        known = path.exists()
        spec.save(path)
        if known:
            # Known but not up: a crashed dyno waits in its back-off, which a deploy resets.
            region.supervisor.put(dyno_program(dyno.id, spec, path))
            spec.status.unlink(missing_ok=True)
            region.supervisor.restart(dyno.id)
        else:
            spec.status.unlink(missing_ok=True)
            region.supervisor.put(dyno_program(dyno.id, spec, path))
        return _running(spec)

    def status(self, dyno: RunningDyno) -> DynoStatus | None:
        return read_status(self._region.status_file(dyno.id))

    def health(self, dyno: RunningDyno, path: str) -> str:
        assert dyno.port is not None, "only web dynos have a health path"
        connection = http.client.HTTPConnection(dyno.address, dyno.port, timeout=5)
        try:
            host = self._region.app_host(dyno.app)
            connection.request("GET", path, headers={"Host": host, "User-Agent": "dpaas-health"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as problem:
            return type(problem).__name__
        finally:
            connection.close()
        return "" if 200 <= status < 400 else f"status {status}"

    def last_lines(self, dyno: RunningDyno, *, since: datetime) -> Sequence[str]:
        return last_lines(self._region.log_file(dyno.app), dyno.name, since=since)

    def stop(self, dyno: RunningDyno) -> None:
        region = self._region
        region.supervisor.remove(dyno.id)
        # The spec last: as long as it is there, the dyno is known and a later apply removes it.
        region.environment_file(dyno.id).unlink(missing_ok=True)
        region.status_file(dyno.id).unlink(missing_ok=True)
        region.ports.release(self._port_owner(dyno.id))
        self._spec_path(dyno.id).unlink(missing_ok=True)

    def run_captured(self, one_off: OneOff, on_line: Callable[[str], None], *, timeout_s: float) -> int:
        from declarative_paas.providers.runtime.oneoff import run_captured

        with one_off_spec(self._region, one_off) as spec:
            return run_captured(spec, on_line, timeout_s=timeout_s)

    def run_foreground(self, one_off: OneOff) -> int:
        from declarative_paas.providers.runtime.oneoff import run_foreground

        with one_off_spec(self._region, one_off) as spec:
            return run_foreground(spec)

    def clear_lost(self, app: str) -> None:
        """Nothing: a dyno's spec is its first trace, and by that it is known."""

    def clear_one_offs(self, app: str, process_type: str) -> None:
        for path in self._region.dynos_directory.glob(f"{app}.{process_type}.*.env"):
            path.unlink(missing_ok=True)

    def logs(self, app: str, *, tail: int, follow: bool) -> Iterable[str]:
        path = self._region.log_file(app)
        return follow_lines(path, tail) if follow else tail_lines(path, tail)

    def _spec_path(self, dyno_id: str) -> Path:
        return self._region.dynos_directory / f"{dyno_id}.json"

    def _port_owner(self, dyno_id: str) -> str:
        return f"{self._region.settings.region}/{dyno_id}"


def _running(spec: DynoSpec) -> RunningDyno:
    return RunningDyno(
        id=spec.id,
        app=spec.app,
        name=spec.name,
        type=spec.process_type,
        release=spec.release,
        command=spec.command,
        address=ADDRESS,
        port=spec.port,
        status=read_status(spec.status),
        trouble=None if spec.home.exists() else "has lost its files",
    )


def _down(dyno: RunningDyno) -> RunningDyno:
    status = dyno.status or DynoStatus(name=dyno.name, release=dyno.release, state="down", since="")
    return replace(dyno, status=replace(status, state="down"))
