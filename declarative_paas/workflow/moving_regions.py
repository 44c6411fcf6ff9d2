"""Which apps move between regions: from the manifests, and from what is recorded of moves that are open (ADR 0003)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest, warning
from declarative_paas.core.following import CHECK_TYPE, FOLLOWER_TYPE, is_move
from declarative_paas.core.region_move import COPY_TYPE, MOVE_TYPE, RegionMove, move_address
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.desired.inputs import BuiltSlug, OpenMove
from declarative_paas.manifest.manifests import AppManifest, Manifests
from declarative_paas.transfer.move_checks import check_of
from declarative_paas.workflow.following import recorded_followers

_WAYS: Final = {COPY_TYPE: "copy", FOLLOWER_TYPE: "follow"}
"""What brings data, by type, as manifests say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """`manifests` are the given ones, with an app that goes back in the region that it goes back to; `followers` the
    recorded ones, as `desired.inputs.DesiredInputs` has them."""

    manifests: Manifests
    moves: Mapping[str, OpenMove] = field(default_factory=dict[str, OpenMove])
    followers: Mapping[ResourceAddress, bool] = field(default_factory=dict[ResourceAddress, bool])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])


def recorded_moves(snapshot: Snapshot) -> dict[str, RegionMove]:
    """The open moves, by app."""
    return {
        record.address.app: RegionMove.of(record.attributes)
        for record in snapshot.resources.values()
        if record.address.type == MOVE_TYPE and record.status is InstanceStatus.CURRENT
    }


def moving_apps(
    manifests: Manifests,
    snapshot: Snapshot,
    *,
    back: Collection[str] = (),
    finish: Collection[str] = (),
    anew: Collection[ResourceAddress] = (),
) -> Moving:
    """The moves that a plan is made with, and the followers. `back` and `finish` name the apps that were asked to,
    each with an open move; `anew` what was asked to be made anew."""
    opened = recorded_moves(snapshot)
    current, released = _regions(snapshot, "app"), _regions(snapshot, "release")
    diagnostics: list[Diagnostic] = []
    names = {app.name for app in manifests.apps}
    for name in sorted({*back, *finish}):
        if name not in names or name not in opened:
            diagnostics.append(_nothing_open(name, names, opened))
    diagnostics += _differing(finish, snapshot)
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
    found = _recorded(moves, snapshot) if moves else {}
    return Moving(
        manifests=replace(manifests, apps=tuple(apps)),
        moves={
            name: OpenMove(
                region_move=move,
                sources=found[name].sources,
                brought=found[name].brought,
                slug=found[name].slug,
                arrived=name in opened and released.get(name) == move.destination,
            )
            for name, move in moves.items()
        },
        followers=recorded_followers(snapshot, anew),
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


@dataclass(slots=True)
class _Recorded:
    """What the records tell of one app's move; see `desired.inputs.OpenMove`."""

    sources: dict[str, str] = field(default_factory=dict[str, str])
    brought: dict[str, str] = field(default_factory=dict[str, str])
    slug: BuiltSlug | None = None


def _recorded(moves: Mapping[str, RegionMove], snapshot: Snapshot) -> dict[str, _Recorded]:
    """By app. Its add-ons where it comes from are still current there, or kept there; or gone, where a finish was
    interrupted, and brought along before."""
    found = {app: _Recorded() for app in moves}
    for record in snapshot.resources.values():
        address, move = record.address, moves.get(record.address.app)
        if move is None:
            continue
        mine = found[address.app]
        if address.type in _WAYS:
            mine.brought[address.name] = _WAYS[address.type]
            mine.sources.setdefault(address.name, str(record.attributes["source"]))
        if record.region == move.source and record.status is not InstanceStatus.DEPOSED:
            if address.type == "addon":
                mine.sources[address.name] = _id(record)
            elif address.type == "slug" and mine.slug is None:
                mine.slug = BuiltSlug(id=_id(record), attributes=record.attributes)
        if address.type == "slug_copy" and is_move(record.attributes):
            mine.slug = BuiltSlug(id=str(record.attributes["slug"]), attributes=None)
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


def _differing(finish: Collection[str], snapshot: Snapshot) -> Iterator[Diagnostic]:
    """What was not the same on both sides, before the old one goes."""
    for record in snapshot.resources.values():
        check = check_of(record) if record.address.type == CHECK_TYPE and record.address.app in finish else None
        if check is not None and check.wrong:
            yield warning(
                "move-differs",
                f"{record.address.name} of {record.address.app} was not the same on both sides after its promotion",
                expected="a look at the difference while the old side is there; `dpaas move back` returns to it",
                detail="\n".join(check.wrong),
                address=str(record.address),
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
