"""How long a planned move stops an app: from the size of its data, and from what copies have taken before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, warning
from declarative_paas.core.following import FOLLOWER_TYPE, is_move, promotes
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind
from declarative_paas.core.provider import Provider, ProviderError
from declarative_paas.core.region_move import COPY_TYPE
from declarative_paas.core.state import Snapshot
from declarative_paas.transfer.provider import result_of
from declarative_paas.workflow.copies import data_side
from declarative_paas.workflow.following import objections_to
from declarative_paas.workflow.fork_review import MEASURED_FROM, STATED_BYTES_PER_S


def with_durations(
    plan: Plan, snapshot: Snapshot, providers: Mapping[str, Provider], *, ask: bool
) -> tuple[Plan, list[Diagnostic]]:
    """The plan, its freezes told with what they wait for, its followers with what comes before. `ask`: whether the
    add-ons may be asked for their size."""
    copies = _by_app(change for change in plan.changes if _is_copied(change))
    followers = _by_app(change for change in plan.changes if promotes(change) and is_move(change.after or {}))
    if not copies and not followers:
        return plan, []
    diagnostics: list[Diagnostic] = []
    freezes: dict[str, str] = {}
    for app in copies.keys() | followers.keys():
        sizes = [_size(plan, change, providers, diagnostics) if ask else None for change in copies.get(app, ())]
        freezes[app] = _told(sizes, [change.address.name for change in followers.get(app, ())], snapshot)
    causes: dict[ResourceAddress, str] = {}
    for change in (change for found in followers.values() for change in found):
        if change.action is not Action.UPDATE:
            size = _size(plan, change, providers, diagnostics) if ask else None
            causes[change.address] = _first_copy(change, size, snapshot)
    changes = tuple(_with(change, freezes.get(change.address.app), causes) for change in plan.changes)
    return replace(plan, changes=changes), diagnostics


def _by_app(changes: Iterable[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.address.app, []).append(change)
    return found


def _is_copied(change: Change) -> bool:
    return change.address.type == COPY_TYPE and change.action in (Action.CREATE, Action.REPLACE)


def _with(change: Change, freeze: str | None, causes: Mapping[ResourceAddress, str]) -> Change:
    if change.address in causes:
        return replace(change, causes=(*change.causes, causes[change.address]))
    if freeze is None or change.address.type != "app" or change.action is not Action.UPDATE:
        return change
    risks = tuple(
        Risk(risk.kind, f"{risk.detail}: {freeze}") if risk.kind is RiskKind.DOWNTIME else risk for risk in change.risks
    )
    return replace(change, risks=risks)


def _size(plan: Plan, change: Change, providers: Mapping[str, Provider], diagnostics: list[Diagnostic]) -> int | None:
    assert change.after is not None, "what is made has attributes"
    address = ResourceAddress("addon", change.address.app, change.address.name)
    try:
        side = data_side(providers, str(change.after["between"]["from"]["region"]), plan.scope, address)
        diagnostics += objections_to(side, change, address)
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


def _told(sizes: list[int | None], followers: Sequence[str], snapshot: Snapshot) -> str:
    """What the freeze waits for. With a copy in it, it lasts as long as that."""
    parts: list[str] = []
    if followers:
        verb = "follow" if len(followers) > 1 else "follows"
        parts.append(f"{', '.join(followers)} {verb} until then, promoted in seconds")
    if sizes:
        parts.append(_copied(sizes, snapshot, rest=bool(followers)))
    return f"{'; '.join(parts)}, then it starts"


def _copied(sizes: list[int | None], snapshot: Snapshot, *, rest: bool) -> str:
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return f"{'the rest of ' if rest else ''}its data is copied and verified first (its size is not known)"
    rate, how = _rate(snapshot)
    total = sum(known)
    others = " of others" if rest else ""
    return f"{total / 2**20:.1f} MB{others} are copied and verified first, about {max(1, round(total / rate))} s {how}"


def _first_copy(change: Change, size: int | None, snapshot: Snapshot) -> str:
    serving = f"while {change.address.app} serves, it is copied and verified, then kept up to date until the freeze"
    if size is None:
        return serving
    rate, how = _rate(snapshot)
    return f"{serving}: {size / 2**20:.1f} MB, about {max(1, round(size / rate))} s {how}"


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
        result = result_of(record) if record.address.type in (COPY_TYPE, "data_copy", FOLLOWER_TYPE) else None
        if result is not None:
            yield result.bytes_copied, result.copy_seconds + result.verify_seconds
