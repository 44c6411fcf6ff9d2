"""Open moves between regions, as the state records them. Asks no region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from declarative_paas.core.following import CHECK_TYPE, FOLLOWER_TYPE, follows, is_move
from declarative_paas.core.region_move import COPY_TYPE, RegionMove
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.transfer.move_checks import MoveCheck, check_of
from declarative_paas.transfer.provider import result_of
from declarative_paas.workflow.moving_regions import recorded_moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """The verified copy of one add-on's data. `verified_at` is ISO 8601."""

    rows: int
    bytes: int
    verified_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One add-on that follows, or followed until it was promoted. `first` is the copy that it began with; `check` what
    a comparison found after the app served again."""

    promoted: bool
    first: Copied | None
    check: MoveCheck | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStatus:
    """One open move, by the records alone. `moved` and `waiting` count resources in and not yet in `destination`;
    `copied` tells of each add-on whose data was copied and verified, `followed` of each that follows its old side."""

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
    followed: Mapping[str, Followed]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def read_moves(snapshot: Snapshot) -> list[MoveStatus]:
    """The open moves, by app."""
    return [_status(app, move, snapshot) for app, move in sorted(recorded_moves(snapshot).items())]


def _status(app: str, move: RegionMove, snapshot: Snapshot) -> MoveStatus:
    mine = sorted(
        (record for record in snapshot.resources.values() if record.address.app == app),
        key=lambda record: record.address,
    )
    checks = {record.address.name: check_of(record) for record in mine if record.address.type == CHECK_TYPE}
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
            record.address.name: copied
            for record in mine
            if record.address.type == COPY_TYPE and (copied := _copied(record)) is not None
        },
        followed={
            record.address.name: Followed(
                promoted=not follows(record.attributes), first=_copied(record), check=checks.get(record.address.name)
            )
            for record in mine
            if record.address.type == FOLLOWER_TYPE and is_move(record.attributes)
        },
    )


def _copied(record: ResourceState) -> Copied | None:
    result = result_of(record)
    if result is None:
        return None
    verified_at = str(record.outputs.get("verified_at", ""))
    return Copied(rows=result.rows_copied, bytes=result.bytes_copied, verified_at=verified_at)
