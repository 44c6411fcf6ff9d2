"""A plan for a terminal: the verdict, what is dangerous, what drifted, then every change by app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from declarative_paas.core.plan import Action, Change, Drift, Plan, RiskKind
from declarative_paas.core.values import Value
from declarative_paas.preview.summary import NO_CHANGES, WORST_FIRST, banners, verdict_line, verdict_of
from declarative_paas.preview.values import printable, show, show_change

SIGNS: Final[Mapping[Action, str]] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.FORGET: "x",
}
_COLOURS: Final[Mapping[str, str]] = {
    "+": "\033[32m",
    "~": "\033[33m",
    "-/+": "\033[35m",
    "-": "\033[31m",
    "x": "\033[2m",
    "bold": "\033[1m",
    "dim": "\033[2m",
    "red": "\033[1;31m",
}
_RESET: Final = "\033[0m"
_HIDDEN_IN_CREATES: Final = frozenset({"name", "path", "addon", "rollback_to", "config", "slug", "attachments"})
"""Follow from the address or from other resources: a reviewer of a create learns nothing from them."""

NARROWEST: Final = 40


def render_text(plan: Plan, *, colour: bool, width: int | None = None, verbose: bool = False) -> str:
    """The whole preview. `width` only shortens long values; `verbose` shows every attribute of a create."""
    return "\n".join(_Text(plan, colour, width, verbose).lines()) + "\n"


class _Text:
    def __init__(self, plan: Plan, colour: bool, width: int | None, verbose: bool) -> None:
        self._plan = plan
        self._colour = colour
        self._value_width = max(NARROWEST, (width or 120) - 30) if not verbose else 10_000
        self._verbose = verbose

    def lines(self) -> Iterator[str]:
        plan = self._plan
        if plan.is_empty:
            yield self._paint("bold", NO_CHANGES)
            if plan.refreshed:
                yield f"{len(plan.refreshed)} records are out of date: an apply brings them up to date."
            yield from self._drift()
            return
        yield self._paint("bold", verdict_line(verdict_of(plan)))
        for risk, address in banners(plan):
            yield self._paint("red", f"! {risk.kind.value.upper()}: {printable(risk.detail)} ({address})")
        yield from self._drift()
        for app, changes in _by_app(plan).items():
            yield ""
            yield self._paint("bold", f"{app} ({', '.join(sorted({change.region for change in changes}))})")
            for change in changes:
                yield from self._change(change)

    def _drift(self) -> Iterator[str]:
        if not self._plan.drift:
            return
        yield ""
        yield self._paint("bold", "Changed outside of dpaas:")
        for drift in sorted(self._plan.drift, key=lambda item: item.address):
            yield from self._one_drift(drift)

    def _one_drift(self, drift: Drift) -> Iterator[str]:
        yield f"  {drift.address}: {printable(drift.summary)}"
        for item in drift.fields:
            yield f"      {_field_name(item.path)}: {show_change(item.before, item.after, self._value_width)}"

    def _change(self, change: Change) -> Iterator[str]:
        sign = SIGNS[change.action]
        where = "" if change.position is None else f"  {change.position.file}:{change.position.line}"
        head = self._paint(sign, f"{sign:>3} {change.address}")
        yield f"{head}{self._paint('dim', where)}"
        for cause in change.causes:
            if cause not in _OBVIOUS.get(change.action, ()):
                yield self._paint("dim", f"      because: {printable(cause)}")
        if change.action is Action.CREATE:
            yield from self._created(change)
        elif change.action in (Action.UPDATE, Action.REPLACE):
            yield from self._altered(change)
        for risk in change.risks:
            if risk.kind is RiskKind.RESTART:
                yield f"      {printable(risk.detail)}"

    def _created(self, change: Change) -> Iterator[str]:
        for name, value in _flat(change.after or {}):
            if self._verbose or (value is not None and name.split(".")[0] not in _HIDDEN_IN_CREATES):
                yield f"      {_field_name(name)}: {show(value, self._value_width)}"

    def _altered(self, change: Change) -> Iterator[str]:
        for item in change.fields:
            forced = self._paint("red", "  # forces replacement") if item.forces_replacement else ""
            yield f"      {_field_name(item.path)}: {show_change(item.before, item.after, self._value_width)}{forced}"
        touched = {item.path for item in change.fields}
        unchanged = sum(name not in touched for name, _ in _flat(change.after or {}))
        if unchanged:
            yield self._paint("dim", f"      ({unchanged} unchanged)")

    def _paint(self, name: str, text: str) -> str:
        return f"{_COLOURS[name]}{text}{_RESET}" if self._colour and text else text


_OBVIOUS: Final[Mapping[Action, tuple[str, ...]]] = {
    Action.CREATE: ("not there yet",),
    Action.UPDATE: ("the manifest changed",),
    Action.DELETE: ("destroy",),
}


def _by_app(plan: Plan) -> dict[str, list[Change]]:
    """Apps by name; within one, the riskiest first, then in the plan's types' order by address."""
    found: dict[str, list[Change]] = {}
    for change in plan.changes:
        found.setdefault(change.address.app, []).append(change)
    return {app: sorted(found[app], key=lambda change: (_rank(change), change.address)) for app in sorted(found)}


def _rank(change: Change) -> int:
    ranks = [WORST_FIRST.index(risk.kind) for risk in change.risks if risk.kind is not RiskKind.RESTART]
    return min(ranks, default=len(WORST_FIRST))


def _flat(value: Mapping[str, Value], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Leaves of nested mappings, by dotted path, sorted."""
    for key in sorted(value):
        item = value[key]
        if isinstance(item, Mapping) and item:
            yield from _flat(cast("Mapping[str, Value]", item), f"{prefix}{key}.")
        elif not isinstance(item, Mapping):
            yield f"{prefix}{key}", item


def _field_name(path: str) -> str:
    """`vars.LOG_LEVEL` and `processes.web.size` are told without the map that holds them."""
    for holder in ("vars.", "processes."):
        if path.startswith(holder):
            return printable(path.removeprefix(holder))
    return printable(path)
