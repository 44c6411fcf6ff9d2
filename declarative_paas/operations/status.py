"""A platform at one moment: its regions with their programs, its apps with their dynos and add-ons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from declarative_paas.core.address import Scope
from declarative_paas.core.provider import ProviderError, Reach
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Hold, Snapshot
from declarative_paas.manifest.platform_models import Region
from declarative_paas.operations.apps import recorded_apps
from declarative_paas.operations.copies import AskFollower, CopyStatus, read_copies

STATUS_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionStatus:
    """`programs` by name, what state each is in; `problem` says why they could not be read."""

    name: str
    provider: str
    jurisdiction: str | None
    programs: Mapping[str, str]
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoCount:
    """`up` is None where the region's provider runs no dynos or could not be asked."""

    type: str
    desired: int
    up: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonStatus:
    alias: str
    service: str
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStatus:
    """As it was applied last; `maintenance`: its router answers requests with 503."""

    name: str
    region: str
    url: str | None
    maintenance: bool
    release: int | None
    dynos: Sequence[DynoCount]
    addons: Sequence[AddonStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    platform: str
    environment: str
    regions: Sequence[RegionStatus]
    apps: Sequence[AppStatus]
    holds: Sequence[Hold]
    copies: Sequence[CopyStatus] = ()

    def to_json(self) -> dict[str, Any]:
        copies = [copy.to_json() for copy in self.copies]
        return {"format": STATUS_FORMAT, **asdict(replace(self, copies=())), "copies": copies}


def read_status(
    scope: Scope,
    snapshot: Snapshot,
    regions: Mapping[str, Region],
    reaches: Mapping[str, Reach],
    holds: Sequence[Hold],
    ask: AskFollower = lambda address, attributes: None,
) -> PlatformStatus:
    """Asks every region that can be asked; one that fails is told with its problem, and the others go on. `ask` is
    asked of each follower."""
    current = [record for record in snapshot.resources.values() if record.status is InstanceStatus.CURRENT]
    by_app: dict[str, list[ResourceState]] = {}
    for record in sorted(current, key=lambda record: record.address):
        by_app.setdefault(record.address.app, []).append(record)
    return PlatformStatus(
        platform=scope.platform,
        environment=scope.environment,
        regions=[_region(name, region, reaches.get(name)) for name, region in sorted(regions.items())],
        apps=[
            _app(record, by_app[name], reaches.get(record.region)) for name, record in recorded_apps(snapshot).items()
        ],
        holds=holds,
        copies=read_copies(snapshot, ask=ask),
    )


def _region(name: str, region: Region, reach: Reach | None) -> RegionStatus:
    programs: Mapping[str, str] = {}
    problem: str | None = None
    try:
        programs = {} if reach is None else dict(reach.status())
    except ProviderError as failure:
        problem = failure.summary
    return RegionStatus(
        name=name, provider=region.provider, jurisdiction=region.jurisdiction, programs=programs, problem=problem
    )


def _app(app: ResourceState, records: Sequence[ResourceState], reach: Reach | None) -> AppStatus:
    by_type: dict[str, list[ResourceState]] = {}
    for record in records:
        by_type.setdefault(record.address.type, []).append(record)
    formations, releases = by_type.get("formation", []), by_type.get("release", [])
    url = app.outputs.get("web_url")
    version = releases[0].outputs.get("version") if releases else None
    return AppStatus(
        name=app.address.app,
        region=app.region,
        url=None if url is None else str(url),
        maintenance=bool(app.attributes.get("maintenance")),
        release=None if version is None else int(version),
        dynos=_dynos(app.address.app, formations[0] if formations else None, reach),
        addons=[
            AddonStatus(
                alias=addon.address.name,
                service=str(addon.attributes.get("service", "")),
                plan=str(addon.attributes.get("plan", "")),
            )
            for addon in by_type.get("addon", [])
        ],
    )


def _dynos(app: str, formation: ResourceState | None, reach: Reach | None) -> list[DynoCount]:
    processes: Mapping[str, Mapping[str, Any]] = {} if formation is None else formation.attributes.get("processes", {})
    up: dict[str, int] | None = None
    if reach is not None:
        try:
            views = reach.dynos(app)
        except ProviderError:
            views = None  # its region's own line tells why
        if views is not None:
            up = {}
            for view in views:
                up[view.type] = up.get(view.type, 0) + (view.state == "up")
    return [
        DynoCount(type=kind, desired=int(process.get("quantity", 0)), up=None if up is None else up.get(kind, 0))
        for kind, process in sorted(processes.items(), key=lambda item: (item[0] != "web", item[0]))
    ]
