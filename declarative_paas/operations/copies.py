"""The copies of data that forks were made with, as the state records them. Asks no region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from declarative_paas.core.copy_result import VerifiedRow
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.transfer.provider import result_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStatus:
    """One copy. `verified_at` is ISO 8601; `seconds` are those of the copy and of its verification."""

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

    @property
    def sentence(self) -> str:
        """`Copied: DATABASE of shop-eu from shop (us -> eu), 12 rows, 3,400 bytes, verified 2026-11-24T14:00:00`"""
        when = self.verified_at or "when it was made"
        return (
            f"Copied: {self.alias} of {self.fork} from {self.source} ({self.from_region} -> {self.to_region}), "
            f"{self.rows:,} rows, {self.bytes:,} bytes, verified {when}"
        )

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


def read_copies(snapshot: Snapshot, fork: str | None = None) -> Sequence[CopyStatus]:
    """Of one fork, or of all, by address."""
    records = sorted(snapshot.resources.values(), key=lambda record: record.address)
    copies = [record for record in records if record.address.type == "data_copy" and fork in (None, record.address.app)]
    return [found for record in copies if (found := _status(record)) is not None]


def _status(record: ResourceState) -> CopyStatus | None:
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
    )
