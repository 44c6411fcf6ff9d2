"""What an open move adds to an app: the record that it is open, and the copies of its data (ADR 0003)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest
from declarative_paas.core.following import CHECK_TYPE, FOLLOWER_TYPE, PROMOTED
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.region_move import COPY_TYPE, move_address
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Attributes, Reference, Value
from declarative_paas.desired.followers import (
    FOLLOWED,
    TRANSFERS_REGION,
    follower_address,
    link_resource,
    unfollowed_plan,
)
from declarative_paas.desired.forks import COPIED
from declarative_paas.desired.inputs import DesiredInputs, OpenMove
from declarative_paas.manifest.app_models import AddonAttach, AddonPlan
from declarative_paas.manifest.manifests import AppManifest


def move_resource(app: AppManifest, inputs: DesiredInputs) -> Resource | None:
    """The record of the app's open move; None when it is where it is to be, and nothing is kept elsewhere."""
    move = inputs.moves.get(app.name)
    if move is None:
        return None
    return Resource(
        address=move_address(app.name),
        region=TRANSFERS_REGION,
        attributes=move.region_move.attributes(),
        position=app.position("region"),
    )


def move_transfers(app: AppManifest, inputs: DesiredInputs) -> Iterator[Resource]:
    """What brings the data of each add-on along: a copy in the freeze, or a follower that is promoted in it, and the
    link that it follows by. On the way back nothing: what is there is gone back to."""
    move = inputs.moves.get(app.name)
    if move is None or move.region_move.back:
        return
    ways = move.region_move
    for addon in _with_data(app, inputs):
        source = move.sources.get(addon.alias)
        if source is None:
            continue
        attributes: dict[str, Value] = {
            "target": Reference(ResourceAddress("addon", app.name, addon.alias), "id"),
            "source": source,
            "between": {
                "from": {"app": app.name, "region": ways.source},
                "to": {"app": app.name, "region": ways.target},
            },
            "service": addon.plan.partition(":")[0],
        }
        address = ResourceAddress(COPY_TYPE, app.name, addon.alias)
        if _way_of(app, move, addon.alias) == "follow":
            link = link_resource(ways.source, ways.target, app.position("region"))
            yield link
            address = follower_address(app.name, addon.alias)
            attributes |= {PROMOTED: True, "compare": True, "link": Reference(link.address, "id")}
        yield Resource(address=address, region=TRANSFERS_REGION, attributes=attributes, position=app.position("region"))


def _way_of(app: AppManifest, move: OpenMove, alias: str) -> str:
    """`copy` or `follow`: what has begun as one does not become the other."""
    return move.brought.get(alias) or (app.spec.move or {}).get(alias, "copy")


def move_checks(brought: Sequence[Resource], formation: Resource | None) -> Iterator[Resource]:
    """The comparison of both sides, for each add-on that followed to the new region: made once the app serves there."""
    for follower in brought:
        if follower.address.type != FOLLOWER_TYPE or "compare" not in follower.attributes:
            continue
        yield Resource(
            address=ResourceAddress(CHECK_TYPE, follower.address.app, follower.address.name),
            region=TRANSFERS_REGION,
            attributes={"follower": Reference(follower.address, "id")},
            after=() if formation is None else (formation.address,),
            position=follower.position,
        )


def moved_slug_copy(app: AppManifest, slug: Resource, inputs: DesiredInputs) -> Resource | None:
    """For a move that takes along the very slug that its app runs: it is sent, not built again."""
    move = inputs.moves.get(app.name)
    if move is None or move.region_move.back or move.slug is None:
        return None
    built = move.slug.attributes
    if built is not None and _built_from(slug.attributes) != _built_from(built):
        return None
    ways = move.region_move
    return Resource(
        address=ResourceAddress("slug_copy", app.name),
        region=TRANSFERS_REGION,
        attributes={
            "slug": move.slug.id,
            "between": {
                "from": {"app": app.name, "region": ways.source},
                "to": {"app": app.name, "region": ways.target},
            },
        },
        after=(ResourceAddress("app", app.name),),
        position=app.position("region"),
    )


def _built_from(slug: Attributes) -> dict[str, Value]:
    """What makes a slug what it is: all but where its source lies here."""
    return {name: value for name, value in slug.items() if name != "path" and value is not None}


def moved_last(app: AppManifest, inputs: DesiredInputs, resources: Iterator[Resource]) -> Iterator[Resource]:
    """The app's resources, each after the record that its move is open."""
    first = move_resource(app, inputs)
    if first is None:
        yield from resources
        return
    yield first
    for resource in resources:
        # A link is others' too.
        is_link = resource.address.type == LINK_TYPE
        yield resource if is_link else replace(resource, after=(*resource.after, first.address))


def move_diagnostics(app: AppManifest, apps: Sequence[AppManifest], inputs: DesiredInputs) -> Iterator[Diagnostic]:
    """What cannot be moved, or would be torn from what is used elsewhere."""
    yield from _said_of_data(app, inputs)
    move = inputs.moves.get(app.name)
    if move is None or move.arrived:
        return
    place = app.position("region")
    hold = inputs.hold_of(app.name)
    if hold is not None:
        yield error(
            "move-of-held-app",
            f"{app.name} is held at release v{hold.version}: the region it moves to has other releases",
            place,
            expected=f"`dpaas unhold {app.name}` first",
        )
    if move.region_move.back:
        return
    if app.fork is not None and not {"copy", "follow"}.isdisjoint(app.fork.data.values()):
        yield error(
            "move-of-fork",
            f"{app.name} was made with a copy of {app.fork.source}'s data, which stays with the add-on it was made for",
            place,
            expected=f"region {move.region_move.source}, or a new fork in {move.region_move.target}",
        )
    for addon in _with_data(app, inputs):
        service = inputs.catalog.service(addon.plan.partition(":")[0])
        if service is not None and service.kind not in COPIED and addon.alias in move.sources:
            yield error(
                "move-data",
                f"the data of {app.name}'s {addon.alias} cannot be brought to {app.spec.region}: "
                f"{service.name} has none that can be copied",
                place,
                expected=f"region {move.region_move.source}",
            )
    yield from _used_by_others(app, apps, place)


def _used_by_others(app: AppManifest, apps: Sequence[AppManifest], place: Position) -> Iterator[Diagnostic]:
    for other in apps:
        if other.fork is not None and other.fork.source == app.name and "follow" in other.fork.data.values():
            yield error(
                "move-of-followed-app",
                f"{other.name} follows {app.name}, whose data goes to another add-on",
                place,
                expected=f"`dpaas promote {other.name}` first, or `dpaas fork undo {other.name}`",
            )
        for used in other.spec.addons or ():
            if isinstance(used, AddonAttach) and used.attach.partition("/")[0] == app.name:
                yield error(
                    "move-of-shared-addon",
                    f"{other.name} uses {used.attach}, and would go on writing while it is moved",
                    place,
                    expected=f"{other.name} without {used.alias}, or with an add-on of its own",
                )


def _said_of_data(app: AppManifest, inputs: DesiredInputs) -> Iterator[Diagnostic]:
    """Mistakes in `move`, whether or not the app moves now."""
    owned = {addon.alias: addon for addon in _with_data(app, inputs)}
    for alias, way in sorted((app.spec.move or {}).items()):
        place = app.position("move", alias)
        addon = owned.get(alias)
        if addon is None:
            yield error(
                "unknown-in-move",
                f"{app.name} has no add-on {alias} with data of its own, which `move` names",
                app.key_position("move", alias),
                expected=f"one of {', '.join(sorted(owned))}" if owned else "no `move`: there is no data to bring",
                suggestion=nearest(alias, owned),
            )
        elif way == "follow":
            service = inputs.catalog.service(addon.plan.partition(":")[0])
            if service is not None and service.kind not in FOLLOWED:
                yield error("follow-unsupported", f"{service.name} has no followers", place, expected="copy")
            else:
                yield from unfollowed_plan(f"{app.name}'s {alias}", addon, app.spec.region, place, inputs)


def _with_data(app: AppManifest, inputs: DesiredInputs) -> Iterator[AddonPlan]:
    """The app's own add-ons that hold data of ours."""
    for addon in app.spec.addons or ():
        if not isinstance(addon, AddonPlan) or addon.credentials is not None:
            continue
        service = inputs.catalog.service(addon.plan.partition(":")[0])
        if service is not None and service.kind != "external":
            yield addon
