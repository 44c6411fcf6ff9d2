"""What a preview objects to or remarks, one at a time: what SARIF and JUnit readers are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal, TypeAlias

from declarative_paas.core.diagnostic import Diagnostic, Position, Severity
from declarative_paas.core.plan import RiskKind
from declarative_paas.preview.model import Preview

Level: TypeAlias = Literal["error", "warning", "note"]

_LEVELS: Final[Mapping[Severity, Level]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}
RULES: Final[Mapping[str, str]] = {
    "data-loss": "Data that nobody can make again is destroyed.",
    "jurisdiction-move": "An app or its data moves to another jurisdiction.",
    "region-move": "An app or its data moves to another region.",
    "exposure": "Something becomes reachable from outside, or sends data there.",
    "promotion": "What followed another database becomes one of its own, and stays so.",
    "downtime": "Requests are not answered for a while.",
    "restart": "Dynos restart.",
    "drift": "Something was changed outside of dpaas.",
    "plan-limit": "A limit of the platform is near or reached.",
    "unmarked-secret": "A value that looks like a secret is not declared as one.",
}
"""Stable ids -> what each is about. A diagnostic's own code is a rule id too."""

_UNCONFIRMED: Final = "unconfirmed-data-loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`app` is empty for what concerns no single app. `help` tells what to do instead."""

    rule: str
    level: Level
    message: str
    app: str = ""
    address: str = ""
    position: Position | None = None
    help: str = ""


def findings(preview: Preview) -> tuple[Finding, ...]:
    """Diagnostics, then risks worst first, limits, drift. What an error says already is not said again as a risk."""
    refused = {item.address for item in preview.diagnostics if item.code == _UNCONFIRMED}
    return (*_diagnostics(preview), *_risks(preview, refused), *_limits(preview), *_drift(preview))


def rule_of(kind: RiskKind) -> str:
    """`data loss` -> `data-loss`"""
    return kind.value.replace(" ", "-")


def relative_path(file: str) -> str | None:
    """A manifest's path as other tools take it: forward slashes, below the directory that was planned in.

    None for one that lies elsewhere: a path outside a checkout means nothing to whoever reads the checkout.
    """
    path = PurePosixPath(file.replace("\\", "/"))
    return None if path.is_absolute() or ".." in path.parts or not file.strip() else str(path)


def _diagnostics(preview: Preview) -> Iterator[Finding]:
    for item in preview.diagnostics:
        yield Finding(
            rule=item.code,
            level=_LEVELS[item.severity],
            message=item.summary,
            app=_app_of(item),
            address=item.address or "",
            position=item.position,
            help=_help(item),
        )


def _app_of(item: Diagnostic) -> str:
    return "" if item.address is None else item.address.partition(".")[2].partition("/")[0]


def _help(item: Diagnostic) -> str:
    expected = f"expected: {item.expected}" if item.expected else ""
    suggestion = f"did you mean: {item.suggestion}" if item.suggestion else ""
    return "; ".join(part for part in (expected, suggestion) if part)


def _risks(preview: Preview, refused: set[str | None]) -> Iterator[Finding]:
    for risk in preview.risks:
        if risk.kind is RiskKind.DATA_LOSS and risk.address in refused:
            continue
        yield Finding(
            rule=rule_of(risk.kind),
            level="note" if risk.kind is RiskKind.RESTART or risk.confirmed else "warning",
            message=f"{risk.address}: {risk.detail}{' (confirmed)' if risk.confirmed else ''}",
            app=risk.app,
            address=risk.address,
            position=risk.position,
            help=risk.avoid,
        )


def _limits(preview: Preview) -> Iterator[Finding]:
    for limit in preview.limits:
        yield Finding(
            rule="plan-limit",
            level="warning" if limit.reached else "note",
            message=limit.sentence,
            app=limit.app,
            address=limit.address,
            position=limit.position,
        )


def _drift(preview: Preview) -> Iterator[Finding]:
    positions = {change.address: change.position for change in preview.changes}
    for drift in preview.drift:
        done = "this plan repairs it" if drift.repaired else "this plan leaves it so"
        yield Finding(
            rule="drift",
            level="note",
            message=f"{drift.address}: {drift.summary}; {done}",
            app=drift.app,
            address=drift.address,
            position=positions.get(drift.address),
        )
