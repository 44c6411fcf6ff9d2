"""`moved`: the records under their new names, before anything is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, warning
from declarative_paas.core.following import FOLLOWER_TYPE, follows
from declarative_paas.core.lifecycle import Move
from declarative_paas.core.provider import Absent, InstanceKey, Present, Reading
from declarative_paas.core.region_move import MOVE_TYPE
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.plan.inputs import PlanInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What to plan from. `origins` are the old names by the new ones, each to be renamed on its platform.

    `rewritten` are records of others, which depend on a moved one under its new name.
    """

    snapshot: Snapshot
    readings: Mapping[InstanceKey, Reading]
    origins: Mapping[ResourceAddress, ResourceAddress] = field(default_factory=dict[ResourceAddress, ResourceAddress])
    rewritten: Sequence[ResourceState] = ()
    diagnostics: Sequence[Diagnostic] = ()


def move_records(inputs: PlanInputs) -> Moved:
    """Renames what its region's provider can rename. What holds data and cannot be renamed is refused;
    anything else is left as it is, so that it is removed under its old name and made under the new one.

    Neither destroying nor refreshing follows a move: both are about what is recorded.
    """
    snapshot, readings = inputs.snapshot, inputs.readings
    if not inputs.moves or inputs.destroy or inputs.refresh_only:
        return Moved(snapshot=snapshot, readings=readings)
    recorded = {
        record.address: record for record in snapshot.resources.values() if record.status is InstanceStatus.CURRENT
    }
    names: dict[ResourceAddress, ResourceAddress] = {}
    remade: dict[str, list[ResourceAddress]] = {}
    diagnostics: list[Diagnostic] = []
    tied = _tied(snapshot)
    for address, (new, move) in _followed(inputs, recorded).items():
        record = recorded[address]
        if address.app in tied:
            diagnostics.append(_waits(address, move, tied[address.app]))
        elif new in recorded:
            diagnostics.append(_occupied(address, new, move))
        elif record.region in inputs.renaming:
            names[address] = new
        elif _must_survive(inputs, record):
            diagnostics.append(_refused(record, new, move))
        else:
            remade.setdefault(record.region, []).append(address)
    diagnostics += [_remade(region, found) for region, found in sorted(remade.items())]
    resources = {key: _renamed(record, names) for key, record in snapshot.resources.items()}
    return Moved(
        snapshot=replace(snapshot, resources={record.key: record for record in resources.values()}),
        readings={**readings, **_readings(resources, readings)},
        origins={new: old for old, new in names.items()},
        rewritten=[
            record
            for key, record in resources.items()
            if record.address == key[0] and record is not snapshot.resources[key]
        ],
        diagnostics=diagnostics,
    )


def _followed(
    inputs: PlanInputs, recorded: Mapping[ResourceAddress, ResourceState]
) -> dict[ResourceAddress, tuple[ResourceAddress, Move]]:
    """Old name -> new name, of everything that is there and wanted under the new one."""
    found: dict[ResourceAddress, tuple[ResourceAddress, Move]] = {}
    # The move of one resource says more than that of its whole app.
    for move in sorted(inputs.moves, key=lambda move: move.old.type == "app"):
        for address, record in recorded.items():
            new = move.applied_to(address)
            if new is not None and new in inputs.desired and not _is_gone(record, new, inputs.readings):
                found.setdefault(address, (new, move))
    return found


def _is_gone(record: ResourceState, new: ResourceAddress, readings: Mapping[InstanceKey, Reading]) -> bool:
    """Not there under either name: there is nothing to rename."""
    renamed_already = isinstance(readings.get((new, record.instance)), Present)
    return isinstance(readings.get(record.key), Absent) and not renamed_already


def _must_survive(inputs: PlanInputs, record: ResourceState) -> bool:
    return inputs.types[record.address.type].holds_data(record.attributes) or bool(record.attributes.get("protect"))


def _renamed(record: ResourceState, names: Mapping[ResourceAddress, ResourceAddress]) -> ResourceState:
    is_current = record.status is InstanceStatus.CURRENT
    address = names.get(record.address, record.address) if is_current else record.address
    dependencies = record.dependencies
    if any(needed in names for needed in dependencies):
        dependencies = tuple(sorted({names.get(needed, needed) for needed in dependencies}))
    if address == record.address and dependencies == record.dependencies:
        return record
    return replace(record, address=address, dependencies=dependencies)


def _readings(
    resources: Mapping[InstanceKey, ResourceState], readings: Mapping[InstanceKey, Reading]
) -> dict[InstanceKey, Reading]:
    """What was read under the old name; unless an interrupted apply renamed the thing already."""
    return {
        record.key: readings[key]
        for key, record in resources.items()
        if record.key != key and key in readings and not isinstance(readings.get(record.key), Present)
    }


def _tied(snapshot: Snapshot) -> dict[str, str]:
    """Apps that are named by what goes on between two regions, and what that is."""
    tied: dict[str, str] = {}
    for record in snapshot.resources.values():
        if record.status is InstanceStatus.RETAINED or record.address.type == MOVE_TYPE:
            tied[record.address.app] = "its move between regions is open: `dpaas move finish` or `back` first"
        elif record.address.type == FOLLOWER_TYPE and follows(record.attributes):
            between = record.attributes["between"]
            for side in ("from", "to"):
                tied[between[side]["app"]] = f"{record.address} follows by its name: promote it first"
    return tied


def _waits(old: ResourceAddress, move: Move, why: str) -> Diagnostic:
    return error("move-not-now", f"{old} cannot get another name now: {why}", move.position, address=str(old))


def _occupied(old: ResourceAddress, new: ResourceAddress, move: Move) -> Diagnostic:
    return error(
        "move-onto-existing",
        f"{old} cannot become {new}: both are recorded",
        move.position,
        expected="one of them destroyed first, or no `moved` declaration",
        address=str(old),
    )


def _refused(record: ResourceState, new: ResourceAddress, move: Move) -> Diagnostic:
    return error(
        "move-needs-rename",
        f"{record.address} cannot become {new}: the provider of region {record.region} cannot rename what it "
        "holds, and making it again would lose its data",
        move.position,
        expected="its old name; or a new one beside it, its data copied, and a `removed` declaration for the old one",
        address=str(record.address),
    )


def _remade(region: str, addresses: Sequence[ResourceAddress]) -> Diagnostic:
    return warning(
        "move-makes-anew",
        f"the provider of region {region} cannot rename: {len(addresses)} moved resources are removed and made again",
        detail=", ".join(str(address) for address in sorted(addresses)),
    )
