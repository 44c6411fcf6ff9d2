"""The values of a copy: what was compared, what came of it, and the mark that a target bears until it is settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from declarative_paas.core.provider import ErrorKind, ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What one thing (a table, a sequence, an index's definition) is, in a few bytes.

    Two are the same when rows and digests are. Digests of different `dialect`s cannot be compared: then only
    that the thing is there counts.
    """

    kind: str
    name: str
    digest: str
    rows: int | None = None
    dialect: str = ""


class Verdict(Enum):
    """How a thing of the target compares with the source's."""

    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRow:
    """One comparison of a verification; `source_rows` is None for what has no rows."""

    kind: str
    name: str
    verdict: Verdict
    source_rows: int | None = None
    target_rows: int | None = None

    @property
    def difference(self) -> str:
        """What is wrong, in words; empty when nothing is."""
        match self.verdict:
            case Verdict.SAME:
                return ""
            case Verdict.MISSING:
                return "is not in the target"
            case Verdict.EXTRA:
                return "is only in the target"
            case Verdict.DIFFERENT if self.source_rows != self.target_rows:
                return f"{self.source_rows} rows in the source, {self.target_rows} in the target"
            case Verdict.DIFFERENT:
                return "its content differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Source and target compared within one snapshot, in a fixed order."""

    rows: tuple[VerifiedRow, ...]

    @property
    def wrong(self) -> tuple[VerifiedRow, ...]:
        """The comparisons that failed."""
        return tuple(row for row in self.rows if row.verdict is not Verdict.SAME)

    @property
    def ok(self) -> bool:
        """Whether the target is what the source was."""
        return not self.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyIdentity:
    """A copy is made once for a pair of instances, by their stable ids."""

    source_instance: str
    target_instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyResult:
    """A finished copy, for its caller to store. `notes` tell what was not taken over, and why.

    `seconds` are those of the copy and, apart, of its verification.
    """

    identity: CopyIdentity
    snapshot: str
    source_version: str
    target_version: str
    bytes_copied: int
    rows_copied: int
    copy_seconds: float
    verify_seconds: float
    notes: tuple[str, ...]
    verification: Verification

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `from_json` reads."""
        return {
            "format": 1,
            "identity": [self.identity.source_instance, self.identity.target_instance],
            "snapshot": self.snapshot,
            "versions": [self.source_version, self.target_version],
            "bytes": self.bytes_copied,
            "rows": self.rows_copied,
            "seconds": [round(self.copy_seconds, 3), round(self.verify_seconds, 3)],
            "notes": list(self.notes),
            "verification": [
                [row.kind, row.name, row.verdict.value, row.source_rows, row.target_rows]
                for row in self.verification.rows
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CopyResult:
        """From what `to_json` made. Raises KeyError or ValueError for anything else."""
        rows = tuple(
            VerifiedRow(kind=kind, name=name, verdict=Verdict(verdict), source_rows=source, target_rows=target)
            for kind, name, verdict, source, target in data["verification"]
        )
        source_instance, target_instance = data["identity"]
        return cls(
            identity=CopyIdentity(source_instance=source_instance, target_instance=target_instance),
            snapshot=data["snapshot"],
            source_version=data["versions"][0],
            target_version=data["versions"][1],
            bytes_copied=data["bytes"],
            rows_copied=data["rows"],
            copy_seconds=data["seconds"][0],
            verify_seconds=data["seconds"][1],
            notes=tuple(data["notes"]),
            verification=Verification(rows=rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMark:
    """What a target bears while it is not to be used: a copy into it began, and, with a result, was verified."""

    identity: CopyIdentity
    result: CopyResult | None = None


class CopyNotVerified(ProviderError):
    """Everything was copied, and source and target differ. The target stays marked as not to be used."""

    def __init__(self, verification: Verification) -> None:
        wrong = verification.wrong
        super().__init__(
            ErrorKind.FAILED,
            f"the copy differs from its source in {len(wrong)} of {len(verification.rows)} comparisons",
            code="copy-not-verified",
            detail=[f"{row.kind} {row.name}: {row.difference}" for row in wrong[:20]],
        )
        self.verification = verification
