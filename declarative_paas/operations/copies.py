"""The copies of data that forks were made with, as the state records them; and how what follows goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.copy_result import VerifiedRow
from declarative_paas.core.follow import FollowStatus
from declarative_paas.core.following import FOLLOWER_TYPE, follows, is_move
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import Attributes
from declarative_paas.transfer.provider import result_of

AskFollower = Callable[[ResourceAddress, Attributes], FollowStatus | None]
"""How a follower does by its servers; None when they cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerView:
    """What became of a copy that is kept up to date. `state` is None once it is promoted, and where nobody answers."""

    promoted: bool
    state: str | None = None
    lag_bytes: int | None = None
    lag_s: float | None = None
    problem: str | None = None

    @property
    def sentence(self) -> str:
        """`streaming, 0 bytes behind` or `promoted`"""
        if self.promoted:
            return "promoted"
        if self.state is None:
            return "not known: its servers do not answer"
        parts = [self.state]
        if self.lag_bytes is not None:
            behind = f"{self.lag_bytes:,} bytes behind"
            parts.append(behind if not self.lag_s else f"{behind}, written {self.lag_s:.1f} s ago")
        if self.problem is not None:
            parts.append(self.problem)
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStatus:
    """One copy. `verified_at` is ISO 8601; `seconds` are those of the copy and of its verification. `follower` tells of
    what goes on following its source, or did until its promotion."""

    fork: str
    alias: str
    source: str
    from_region: str
    to_region: str
    verified_at: str | None
    rows: int
    bytes: int
    seconds: tuple[float, float]
    comparisons: int
    notes: tuple[str, ...]
    table: tuple[VerifiedRow, ...]
    follower: FollowerView | None = None

    @property
    def sentence(self) -> str:
        """`Copied: DATABASE of shop-eu from shop (us -> eu), 12 rows, 3,400 bytes, verified 2026-11-24T14:00:00`"""
        when = self.verified_at or "when it was made"
        whose = f"{self.alias} of {self.fork}"
        way = f"({self.from_region} -> {self.to_region})"
        if self.follower is not None and not self.follower.promoted:
            return f"Follows: {whose}, that of {self.source} {way}: {self.follower.sentence}"
        return f"Copied: {whose} from {self.source} {way}, {self.rows:,} rows, {self.bytes:,} bytes, verified {when}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the table with one entry a comparison."""
        return {
            "fork": self.fork,
            "alias": self.alias,
            "source": self.source,
            "regions": [self.from_region, self.to_region],
            "verified_at": self.verified_at,
            "rows": self.rows,
            "bytes": self.bytes,
            "seconds": list(self.seconds),
            "notes": list(self.notes),
            "follower": None if self.follower is None else self.follower.to_json(),
            "verification": [
                {
                    "kind": row.kind,
                    "name": row.name,
                    "verdict": row.verdict.value,
                    "source_rows": row.source_rows,
                    "target_rows": row.target_rows,
                }
                for row in self.table
            ],
        }


def read_copies(
    snapshot: Snapshot, fork: str | None = None, ask: AskFollower = lambda address, attributes: None
) -> Sequence[CopyStatus]:
    """Of one fork, or of all, by address. `ask` is asked of each that follows."""
    records = sorted(snapshot.resources.values(), key=lambda record: record.address)
    copies = [record for record in records if _is_of_fork(record) and fork in (None, record.address.app)]
    return [found for record in copies if (found := _status(record, ask)) is not None]


def _is_of_fork(record: ResourceState) -> bool:
    return record.address.type == "data_copy" or (
        record.address.type == FOLLOWER_TYPE and not is_move(record.attributes)
    )


def _status(record: ResourceState, ask: AskFollower) -> CopyStatus | None:
    result = result_of(record)
    between = record.attributes["between"]
    if result is None:
        return None
    return CopyStatus(
        fork=record.address.app,
        alias=record.address.name,
        source=between["from"]["app"],
        from_region=between["from"]["region"],
        to_region=between["to"]["region"],
        verified_at=record.outputs.get("verified_at"),
        rows=result.rows_copied,
        bytes=result.bytes_copied,
        seconds=(result.copy_seconds, result.verify_seconds),
        comparisons=len(result.verification.rows),
        notes=result.notes,
        table=result.verification.rows,
        follower=_follower(record, ask) if record.address.type == FOLLOWER_TYPE else None,
    )


def _follower(record: ResourceState, ask: AskFollower) -> FollowerView:
    if not follows(record.attributes):
        return FollowerView(promoted=True)
    found = ask(record.address, record.attributes)
    if found is None:
        return FollowerView(promoted=False)
    return FollowerView(
        promoted=False,
        state=found.state.value,
        lag_bytes=found.lag_bytes,
        lag_s=found.lag_s,
        problem=found.problem,
    )
