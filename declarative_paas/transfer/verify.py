"""Pure: (fingerprints of the source, of the target) -> Verification."""

from __future__ import annotations

from collections.abc import Iterable

from declarative_paas.core.copy_result import Fingerprint, Verdict, Verification, VerifiedRow


def compare(source: Iterable[Fingerprint], target: Iterable[Fingerprint]) -> Verification:
    """Every thing of either side once, by kind and name."""
    theirs = {(found.kind, found.name): found for found in source}
    ours = {(found.kind, found.name): found for found in target}
    rows = tuple(_row(key, theirs.get(key), ours.get(key)) for key in sorted(theirs.keys() | ours.keys()))
    return Verification(rows=rows)


def _row(key: tuple[str, str], source: Fingerprint | None, target: Fingerprint | None) -> VerifiedRow:
    kind, name = key
    return VerifiedRow(
        kind=kind,
        name=name,
        verdict=_verdict(source, target),
        source_rows=None if source is None else source.rows,
        target_rows=None if target is None else target.rows,
    )


def _verdict(source: Fingerprint | None, target: Fingerprint | None) -> Verdict:
    if target is None:
        return Verdict.MISSING
    if source is None:
        return Verdict.EXTRA
    if source.rows != target.rows:
        return Verdict.DIFFERENT
    if source.dialect == target.dialect and source.digest != target.digest:
        return Verdict.DIFFERENT
    return Verdict.SAME
