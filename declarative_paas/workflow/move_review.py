"""How long a planned move stops an app: from the size of its data, and from what copies have taken before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, warning
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind
from declarative_paas.core.provider import Provider, ProviderError
from declarative_paas.core.region_move import COPY_TYPE
from declarative_paas.core.state import Snapshot
from declarative_paas.transfer.provider import result_of
from declarative_paas.workflow.copies import data_side
from declarative_paas.workflow.fork_review import MEASURED_FROM, STATED_BYTES_PER_S


def with_durations(
    plan: Plan, snapshot: Snapshot, providers: Mapping[str, Provider], *, ask: bool
) -> tuple[Plan, list[Diagnostic]]:
    """The plan, its freezes told with what they wait for. `ask`: whether the add-ons may be asked for their size."""
    copies: dict[str, list[Change]] = {}
    for change in plan.changes:
        if change.address.type == COPY_TYPE and change.action in (Action.CREATE, Action.REPLACE):
            copies.setdefault(change.address.app, []).append(change)
    if not copies:
        return plan, []
    diagnostics: list[Diagnostic] = []
    told: dict[str, str] = {}
    for app, found in copies.items():
        sizes = [_size(plan, change, providers, diagnostics) if ask else None for change in found]
        told[app] = _told(sizes, snapshot)
    changes = tuple(_with(change, told.get(change.address.app)) for change in plan.changes)
    return replace(plan, changes=changes), diagnostics


def _with(change: Change, told: str | None) -> Change:
    if told is None or change.address.type != "app" or change.action is not Action.UPDATE:
        return change
    risks = tuple(
        Risk(risk.kind, f"{risk.detail}: {told}") if risk.kind is RiskKind.DOWNTIME else risk for risk in change.risks
    )
    return replace(change, risks=risks)


def _size(plan: Plan, change: Change, providers: Mapping[str, Provider], diagnostics: list[Diagnostic]) -> int | None:
    assert change.after is not None, "what is made has attributes"
    address = ResourceAddress("addon", change.address.app, change.address.name)
    try:
        side = data_side(providers, str(change.after["between"]["from"]["region"]), plan.scope, address)
        return side.port.facts().size_bytes
    except ProviderError as problem:
        diagnostics.append(
            warning(
                "move-source-silent",
                f"the data of {address} cannot be looked at: {problem.summary}",
                change.position,
                expected="the add-on to answer before its data can be moved",
                address=str(address),
            )
        )
        return None


def _told(sizes: list[int | None], snapshot: Snapshot) -> str:
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return "its data is copied and verified first; the size is not known"
    rate, how = _rate(snapshot)
    total = sum(known)
    seconds = max(1, round(total / rate))
    return f"{total / 2**20:.1f} MB are copied and verified first, about {seconds} s {how}, then it starts"


def _rate(snapshot: Snapshot) -> tuple[float, str]:
    """Bytes a second, and where that is known from."""
    results = list(_results(snapshot))
    size = sum(moved for moved, _ in results)
    seconds = sum(taken for _, taken in results)
    if size < MEASURED_FROM or seconds <= 0:
        return STATED_BYTES_PER_S, f"at {STATED_BYTES_PER_S / 2**20:.0f} MB/s (assumed)"
    return size / seconds, f"at {size / seconds / 2**20:.0f} MB/s (measured here)"


def _results(snapshot: Snapshot) -> Iterator[tuple[int, float]]:
    for record in snapshot.resources.values():
        result = result_of(record) if record.address.type in (COPY_TYPE, "data_copy") else None
        if result is not None:
            yield result.bytes_copied, result.copy_seconds + result.verify_seconds
