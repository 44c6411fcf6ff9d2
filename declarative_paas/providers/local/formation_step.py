"""`formation`: rolls a release out, dyno beside dyno, and takes the old ones away only when the new ones serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import encode
from declarative_paas.providers.local.cleanup import remove_unused_slugs
from declarative_paas.providers.local.dynos import Dyno, wanted_dynos
from declarative_paas.providers.local.records import Record, ReleaseRecord
from declarative_paas.providers.local.region import LocalRegion
from declarative_paas.providers.local.rollout import Rollout, stop_dynos
from declarative_paas.providers.local.view import RegionView, RunningDyno, list_dynos


class FormationStep:
    def __init__(self, region: LocalRegion) -> None:
        self._region = region

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        region.ensure_running()
        app = region.local_name(request.scope, request.address.app)
        version = int(request.attributes["release"])
        wanted = wanted_dynos(self._region.place, app, version, request.attributes["processes"], region.catalog)
        Rollout(region, context).run(app, wanted, _release(region, app, version))
        region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(attributes=encode(request.attributes), facts={"app": app, "release": version}),
        )
        remove_unused_slugs(region)
        return Done(remote_id=f"{app}-formation")

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        app = region.local_name(request.scope, request.address.app)
        existing = list_dynos(region).get(app, {})
        if existing:
            region.ensure_running()
            context.report(f"stopping {len(existing)} dynos")
            Rollout(region, context).take_out_of_rotation(app)
            stop_dynos(region, list(existing.values()))
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
        told = (_dyno_problem(dyno, running.get(dyno.id), view) for dyno in wanted)
        found = [problem for problem in told if problem is not None]
        if not found:
            # A dyno that is down is out of rotation anyway: its cause is told, not the consequence.
            found = list(view.server_problems(app))
        ids = {dyno.id for dyno in wanted}
        found += [
            f"{item.spec.name} of v{item.spec.release} still runs" for name, item in running.items() if name not in ids
        ]
        return tuple(found)


def _dyno_problem(dyno: Dyno, running: RunningDyno | None, view: RegionView) -> str | None:
    if running is None:
        return f"{dyno.name} is missing"
    if not view.supervisor_running or dyno.id not in view.programs:
        return f"{dyno.name} is down"
    status = running.status
    if status is None or status.state == "starting":
        return None  # on its way; its runner reports R10 by itself
    if status.state == "crashed":
        why = status.error or (f"exit status {status.exit_code}" if status.exit_code is not None else "it ended")
        return f"{dyno.name} is crashed: {why}"
    if status.state == "down":
        return f"{dyno.name} is down"
    return None if running.spec.home.exists() else f"{dyno.name} has lost its files"


def _processes(record: Record) -> Mapping[str, Mapping[str, Any]]:
    return record.attributes["processes"]  # type: ignore[no-any-return]


def _release(region: LocalRegion, app: str, version: int) -> ReleaseRecord:
    found = next((item for item in region.records.releases(app) if item.version == version), None)
    if found is None:
        raise ProviderError(ErrorKind.INVALID, f"{app} has no release v{version}")
    return found
