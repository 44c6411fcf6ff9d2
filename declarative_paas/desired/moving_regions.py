"""What an open move adds to an app: the record that it is open, and the copies of its data (ADR 0003)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.region_move import COPY_TYPE, move_address
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference
from declarative_paas.desired.forks import COPIED, TRANSFERS_REGION
from declarative_paas.desired.inputs import DesiredInputs
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


def move_copies(app: AppManifest, inputs: DesiredInputs) -> Iterator[Resource]:
    """One for each add-on whose data is to come along. On the way back none: what is there is gone back to."""
    move = inputs.moves.get(app.name)
    if move is None or move.region_move.back:
        return
    for addon in _with_data(app, inputs):
        source = move.sources.get(addon.alias)
        if source is not None:
            ways = move.region_move
            yield Resource(
                address=ResourceAddress(COPY_TYPE, app.name, addon.alias),
                region=TRANSFERS_REGION,
                attributes={
                    "target": Reference(ResourceAddress("addon", app.name, addon.alias), "id"),
                    "source": source,
                    "between": {
                        "from": {"app": app.name, "region": ways.source},
                        "to": {"app": app.name, "region": ways.target},
                    },
                    "service": addon.plan.partition(":")[0],
                },
                position=app.position("region"),
            )


def moved_last(app: AppManifest, inputs: DesiredInputs, resources: Iterator[Resource]) -> Iterator[Resource]:
    """The app's resources, each after the record that its move is open."""
    first = move_resource(app, inputs)
    if first is None:
        yield from resources
        return
    yield first
    for resource in resources:
        yield replace(resource, after=(*resource.after, first.address))


def move_diagnostics(app: AppManifest, apps: Sequence[AppManifest], inputs: DesiredInputs) -> Iterator[Diagnostic]:
    """What cannot be moved, or would be torn from what is used elsewhere."""
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
    if app.fork is not None and "copy" in app.fork.data.values():
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
    for other in apps:
        for used in other.spec.addons or ():
            if isinstance(used, AddonAttach) and used.attach.partition("/")[0] == app.name:
                yield error(
                    "move-of-shared-addon",
                    f"{other.name} uses {used.attach}, and would go on writing while it is moved",
                    place,
                    expected=f"{other.name} without {used.alias}, or with an add-on of its own",
                )


def _with_data(app: AppManifest, inputs: DesiredInputs) -> Iterator[AddonPlan]:
    """The app's own add-ons that hold data of ours."""
    for addon in app.spec.addons or ():
        if not isinstance(addon, AddonPlan) or addon.credentials is not None:
            continue
        service = inputs.catalog.service(addon.plan.partition(":")[0])
        if service is not None and service.kind != "external":
            yield addon
