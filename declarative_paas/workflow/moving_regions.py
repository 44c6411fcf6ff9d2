"""Which apps move between regions: from the manifests, and from what is recorded of moves that are open (ADR 0003)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest
from declarative_paas.core.region_move import COPY_TYPE, MOVE_TYPE, RegionMove, move_address
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.desired.inputs import OpenMove
from declarative_paas.manifest.manifests import AppManifest, Manifests
from declarative_paas.transfer.provider import result_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """`manifests` are the given ones, with an app that goes back in the region that it goes back to."""

    manifests: Manifests
    moves: Mapping[str, OpenMove] = field(default_factory=dict[str, OpenMove])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])


def recorded_moves(snapshot: Snapshot) -> dict[str, RegionMove]:
    """The open moves, by app."""
    return {
        record.address.app: RegionMove.of(record.attributes)
        for record in snapshot.resources.values()
        if record.address.type == MOVE_TYPE and record.status is InstanceStatus.CURRENT
    }


def moving_apps(
    manifests: Manifests, snapshot: Snapshot, *, back: Collection[str] = (), finish: Collection[str] = ()
) -> Moving:
    """The moves that a plan is made with. `back` and `finish` name the apps that were asked to, each with an
    open move."""
    opened = recorded_moves(snapshot)
    current, released = _regions(snapshot, "app"), _regions(snapshot, "release")
    diagnostics: list[Diagnostic] = []
    names = {app.name for app in manifests.apps}
    for name in sorted({*back, *finish}):
        if name not in names or name not in opened:
            diagnostics.append(_nothing_open(name, names, opened))
    apps: list[AppManifest] = []
    moves: dict[str, RegionMove] = {}
    for declared in manifests.apps:
        app, open_one = declared, opened.get(declared.name)
        move = open_one
        if open_one is None:
            here = current.get(app.name)
            if here is not None and here != app.spec.region:
                move = RegionMove(source=here, target=app.spec.region)
        elif app.name in back:
            move = replace(open_one, back=True)
            app = _in_region(declared, open_one.source)
        elif app.spec.region != open_one.destination:
            diagnostics.append(_elsewhere(app, open_one))
        apps.append(app)
        if move is not None and app.name not in finish:
            moves[app.name] = move
    sources = _sources(moves, snapshot) if moves else {}
    return Moving(
        manifests=replace(manifests, apps=tuple(apps)),
        moves={
            name: OpenMove(
                region_move=move,
                sources=sources.get(name, {}),
                arrived=name in opened and released.get(name) == move.destination,
            )
            for name, move in moves.items()
        },
        diagnostics=diagnostics,
    )


def _regions(snapshot: Snapshot, kind: str) -> dict[str, str]:
    """App -> where its current instance of a type is."""
    return {
        record.address.app: record.region
        for record in snapshot.resources.values()
        if record.address.type == kind and record.status is InstanceStatus.CURRENT
    }


def _in_region(app: AppManifest, region: str) -> AppManifest:
    spec = app.document.spec.model_copy(update={"region": region})
    return replace(app, document=app.document.model_copy(update={"spec": spec}))


def _sources(moves: Mapping[str, RegionMove], snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """App -> alias -> id of the add-ons where the app comes from: still current there, or kept there; or gone, where
    a finish was interrupted, and copied before."""
    found: dict[str, dict[str, str]] = {}
    for record in snapshot.resources.values():
        address, move = record.address, moves.get(record.address.app)
        if move is None:
            continue
        if address.type == COPY_TYPE:
            found.setdefault(address.app, {}).setdefault(address.name, str(record.attributes["source"]))
        if address.type == "addon" and record.region == move.source and record.status is not InstanceStatus.DEPOSED:
            found.setdefault(address.app, {})[address.name] = _id(record)
    return found


def _id(record: ResourceState) -> str:
    return str(record.outputs.get("id", record.instance))


def _nothing_open(name: str, names: Collection[str], opened: Mapping[str, RegionMove]) -> Diagnostic:
    if name not in names:
        return error(
            "unknown-app",
            f"there is no app {name!r}",
            expected="the name of a declared App",
            suggestion=nearest(name, names),
        )
    return error(
        "no-open-move",
        f"{name} does not move, and nothing is kept of an earlier move",
        expected=f"one of {', '.join(sorted(opened))}" if opened else "an app whose `region` was changed and applied",
    )


def _elsewhere(app: AppManifest, move: RegionMove) -> Diagnostic:
    """The manifest asks for a region that the open move does not lead to."""
    finish = f"`dpaas move finish {app.name}` first"
    if move.back:
        summary = f"{app.name} went back to {move.source}, and its manifest says region {app.spec.region}"
        expected = f"region: {move.source}; or, to move again, {finish}"
    else:
        summary = f"{app.name} moved from {move.source} to {move.target}, and its manifest says {app.spec.region}"
        back = f"`dpaas move back {app.name}` to return to {move.source} as it was when it was stopped"
        expected = f"region: {move.target}; {back}; or, to move again, {finish}"
    return error("move-open", summary, app.position("region"), expected=expected, address=str(move_address(app.name)))


def manifest_region(manifests: Manifests, name: str) -> tuple[str, Position] | None:
    """Which region an app's manifest says, and where."""
    app = next((app for app in manifests.apps if app.name == name), None)
    return None if app is None else (app.spec.region, app.position("region"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """The verified copy of one add-on's data. `verified_at` is ISO 8601."""

    rows: int
    bytes: int
    verified_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStatus:
    """One open move, by the records alone. `moved` and `waiting` count resources in and not yet in `destination`;
    `copied` tells of each add-on whose data was copied and verified."""

    app: str
    source: str
    target: str
    back: bool
    destination: str
    left: str
    moved: int
    waiting: int
    kept: tuple[str, ...]
    copied: Mapping[str, Copied]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def read_moves(snapshot: Snapshot) -> list[MoveStatus]:
    """The open moves, by app."""
    return [_status(app, move, snapshot) for app, move in sorted(recorded_moves(snapshot).items())]


def _status(app: str, move: RegionMove, snapshot: Snapshot) -> MoveStatus:
    mine = [record for record in snapshot.resources.values() if record.address.app == app]
    regions = [record.region for record in mine if record.status is InstanceStatus.CURRENT]
    kept = sorted(str(record.address) for record in mine if record.status is InstanceStatus.RETAINED)
    return MoveStatus(
        app=app,
        source=move.source,
        target=move.target,
        back=move.back,
        destination=move.destination,
        left=move.left,
        moved=regions.count(move.destination),
        waiting=regions.count(move.left),
        kept=tuple(kept),
        copied={
            record.address.name: Copied(
                rows=result.rows_copied,
                bytes=result.bytes_copied,
                verified_at=str(record.outputs.get("verified_at", "")),
            )
            for record in sorted(mine, key=lambda record: record.address)
            if record.address.type == COPY_TYPE and (result := result_of(record)) is not None
        },
    )
