"""`formation`: rolls a release out, dyno beside dyno, and takes the old ones away only when the new ones serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import encode
from declarative_paas.providers.hosting.app_names import AppNames
from declarative_paas.providers.hosting.cleanup import remove_unused_slugs
from declarative_paas.providers.hosting.dynos import Dyno, RunningDyno, wanted_dynos
from declarative_paas.providers.hosting.host import RegionHost
from declarative_paas.providers.hosting.records import Record, ReleaseRecord
from declarative_paas.providers.hosting.rollout import Rollout, server_name, stop_dynos
from declarative_paas.providers.hosting.view import RegionView
from declarative_paas.providers.runtime import wording

TOLD = {"R15": wording.R15}
"""A code that says nothing by itself, in Heroku's words."""


class FormationStep:
    def __init__(self, region: RegionHost, names: AppNames) -> None:
        self._region = region
        self._names = names

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        region.ensure_running()
        app = self._names.name(request.scope, request.address.app)
        version = int(request.attributes["release"])
        wanted = wanted_dynos(self._region.place, app, version, request.attributes["processes"], region.catalog)
        Rollout(region, context).run(app, wanted, _release(region, app, version))
        region.dynos.clear_lost(app)
        region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(attributes=encode(request.attributes), facts={"app": app, "release": version}),
        )
        remove_unused_slugs(region)
        return Done(remote_id=f"{app}-formation")

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        app = self._names.name(request.scope, request.address.app)
        existing = region.dynos.all().get(app, {})
        if existing:
            region.ensure_running()
            context.report(f"stopping {len(existing)} dynos")
            Rollout(region, context).take_out_of_rotation(app)
            stop_dynos(region, list(existing.values()))
        region.dynos.clear_lost(app)
        region.records.remove(str(request.scope), (request.address, request.instance))

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        """What each wanted dyno lacks, and dynos that nobody wants."""
        app = str(record.facts["app"])
        version = int(record.facts["release"])
        running = view.dynos.get(app, {})
        try:
            wanted = wanted_dynos(self._region.place, app, version, _processes(record), self._region.catalog)
        except ProviderError as unknown_size:
            return (unknown_size.summary,)
        told = (_dyno_problem(dyno, running.get(dyno.id)) for dyno in wanted)
        found = [problem for problem in told if problem is not None]
        if not found:
            # A dyno that is down is out of rotation anyway: its cause is told, not the consequence.
            found = list(view.server_problems(app, [server_name(dyno) for dyno in wanted if dyno.is_web]))
        ids = {dyno.id for dyno in wanted}
        found += [f"{item.name} of v{item.release} still runs" for name, item in running.items() if name not in ids]
        return tuple(found)


def _dyno_problem(dyno: Dyno, running: RunningDyno | None) -> str | None:
    if running is None:
        return f"{dyno.name} is missing"
    status = running.status
    if status is None or status.state == "starting":
        return None  # on its way; R10 is reported by itself
    if status.state == "crashed":
        told = TOLD.get(status.error or "", status.error)
        why = told or (f"exit status {status.exit_code}" if status.exit_code is not None else "it ended")
        return f"{dyno.name} is crashed: {why}"
    if status.state == "down":
        return f"{dyno.name} is down"
    return None if running.trouble is None else f"{dyno.name} {running.trouble}"


def _processes(record: Record) -> Mapping[str, Mapping[str, Any]]:
    return record.attributes["processes"]  # type: ignore[no-any-return]


def _release(region: RegionHost, app: str, version: int) -> ReleaseRecord:
    found = next((item for item in region.records.releases(app) if item.version == version), None)
    if found is None:
        raise ProviderError(ErrorKind.INVALID, f"{app} has no release v{version}")
    return found
