"""A plan for a terminal: the verdict, what is dangerous, what drifted, then every change by app."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from declarative_paas.core.plan import Action, Change, Drift, Plan, RiskKind
from declarative_paas.preview.attributes import label, leaves, shown, shown_change, told_fields, unchanged_count
from declarative_paas.preview.causes import causes_told, how_shared, shared_causes, ways_out
from declarative_paas.preview.costs import app_cost, cost_text, plan_cost
from declarative_paas.preview.forks import fork_lines
from declarative_paas.preview.ink import Ink, Style
from declarative_paas.preview.notes import addon_plans, note_of
from declarative_paas.preview.reading_order import by_app
from declarative_paas.preview.redaction import redacted
from declarative_paas.preview.remarks import plan_remarks, regions_of
from declarative_paas.preview.signs import sign_of
from declarative_paas.preview.summary import banner_lines, no_changes, verdict_line, verdict_of
from declarative_paas.preview.values import printable

_STYLES: Final[Mapping[Action, Style]] = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.REPLACE: "replace",
    Action.DELETE: "delete",
    Action.FORGET: "forget",
}
DEFAULT_WIDTH: Final = 100
NARROWEST: Final = 40
UNCUT: Final = 1_000_000
_ADDRESS_COLUMN: Final = 44
_NAME_COLUMN: Final = 24
_INDENT: Final = " " * 6
_MANY_DYNOS: Final = re.compile(r"\b([a-z][\w-]*)\.(\d+)(?:, \1\.\d+)*, \1\.(\d+)")


def render_text(plan: Plan, *, colour: bool, width: int | None = None, verbose: bool = False) -> str:
    """The whole preview, what looks like a secret masked. `width` only shortens long values; `verbose` shows every
    attribute of a change, uncut."""
    return "\n".join(_Text(redacted(plan).plan, Ink(colour), width or DEFAULT_WIDTH, verbose).lines()) + "\n"


def body_lines(plan: Plan) -> Iterator[str]:
    """Drift, forks and changes of a plan that is masked already, in plain text."""
    return _Text(plan, Ink(False), DEFAULT_WIDTH, False).body()


@dataclass(frozen=True, slots=True)
class _Head:
    """The line of one change, in pieces: they line up in columns."""

    change: Change
    address: str
    note: list[tuple[Style, str]]
    position: str

    @property
    def note_width(self) -> int:
        return len(", ".join(text for _, text in self.note))


class _Text:
    def __init__(self, plan: Plan, ink: Ink, width: int, verbose: bool) -> None:
        self._plan = plan
        self._ink = ink
        self._width = width
        self._value_width = UNCUT if verbose else max(NARROWEST, width - 30)
        self._verbose = verbose
        self._apps = by_app(plan.changes)
        self._addons = addon_plans(change for changes in self._apps.values() for change in changes)

    def lines(self) -> Iterator[str]:
        plan = self._plan
        yield self._ink("bold", no_changes(plan) if plan.is_empty else verdict_line(verdict_of(plan)))
        yield from plan_remarks(plan)
        for line in banner_lines(plan):
            yield self._ink("danger", line)
        yield from self.body()

    def body(self) -> Iterator[str]:
        """Everything below what is said of the plan as a whole."""
        yield from self._drift()
        yield from self._forks()
        heads = {app: [self._head(change) for change in changes] for app, changes in self._apps.items()}
        column = self._position_column([head for found in heads.values() for head in found])
        for app, changes in self._apps.items():
            yield ""
            yield self._app_line(app, changes)
            shared = [] if self._verbose else shared_causes(changes)
            for cause in shared:
                mostly = "" if how_shared(cause, (change.causes for change in changes)) == "all" else "mostly "
                yield self._ink("dim", f"    {mostly}because {printable(cause)}")
            for head in heads[app]:
                yield self._head_line(head, _address_width(heads[app]), column)
                yield from self._body(head.change, shared)

    def _app_line(self, app: str, changes: list[Change]) -> str:
        cost = app_cost(app, changes, self._plan)
        # The only app there is costs what the verdict says.
        told = cost_text(cost) == cost_text(plan_cost(self._plan)) or not (cost.delta_cents or cost.unpriced)
        price = "" if told else f": {cost_text(cost)}"
        return f"{self._ink('bold', f'{printable(app)} ({regions_of(changes)})')}{price}"

    def _drift(self) -> Iterator[str]:
        if not self._plan.drift:
            return
        changing = {change.address for change in self._plan.changes}
        yield ""
        yield self._ink("bold", "Changed outside of dpaas:")
        for drift in sorted(self._plan.drift, key=lambda item: (item.address, item.summary)):
            yield from self._one_drift(drift, drift.address in changing)

    def _one_drift(self, drift: Drift, is_changing: bool) -> Iterator[str]:
        summary = drift.summary.removesuffix("changed outside of dpaas").replace("deleted outside of dpaas", "deleted")
        yield f"    {printable(str(drift.address))}{': ' if summary else ''}{printable(summary)}"
        standing = Change(address=drift.address, action=Action.UPDATE, region="", instance="")
        for item in drift.fields:
            yield f"{_INDENT}{label(standing, item.path)}: {shown_change(standing, item, self._value_width)}"
        if not is_changing:
            yield self._ink("dim", f"{_INDENT}(this plan leaves it so)")

    def _forks(self) -> Iterator[str]:
        for number, line in enumerate(fork_lines(self._plan)):
            if number == 0:
                yield ""
            yield self._ink("bold", line) if number == 0 else line

    def _head(self, change: Change) -> _Head:
        position = change.position
        return _Head(
            change=change,
            address=printable(str(change.address)),
            note=note_of(change, self._addons),
            position="" if position is None else printable(f"{position.file}:{position.line}"),
        )

    def _position_column(self, heads: list[_Head]) -> int:
        """Where positions begin: behind the longest head that leaves room for the longest position."""
        room = self._width - max((len(head.position) for head in heads), default=0)
        by_app: dict[str, list[_Head]] = {}
        for head in heads:
            by_app.setdefault(head.change.address.app, []).append(head)
        widths = [
            width
            for found in by_app.values()
            for head in found
            if (width := self._head_width(head, _address_width(found)) + 2) <= room
        ]
        return max(widths, default=0)

    def _head_width(self, head: _Head, address_width: int) -> int:
        address = max(address_width, len(head.address)) + 2 if head.note else len(head.address)
        return 4 + address + head.note_width

    def _head_line(self, head: _Head, address_width: int, column: int) -> str:
        action = head.change.action
        line = self._ink(_STYLES[action], f"{sign_of(head.change):>3} {head.address}")
        if head.note:
            line += " " * (max(address_width - len(head.address), 0) + 2)
            line += ", ".join(self._ink(style, text) for style, text in head.note)
        if head.position:
            line += " " * max(column - self._head_width(head, address_width), 2)
            line += self._ink("dim", head.position)
        return line

    def _body(self, change: Change, shared: list[str]) -> Iterator[str]:
        for cause in causes_told(change, shared, everything=self._verbose):
            yield self._ink("dim", f"{_INDENT}{cause}")
        match change.action:
            case Action.CREATE:
                yield from self._listed(change, change.after or {}, self._value_width)
            case Action.DELETE | Action.FORGET:
                yield from self._listed(change, change.before or {}, UNCUT)
            case Action.UPDATE | Action.REPLACE:
                yield from self._altered(change)
        for way in ways_out(change):
            yield f"{_INDENT}{way}"
        for risk in change.risks:
            if risk.kind is RiskKind.RESTART:
                yield f"{_INDENT}{_shorter(printable(risk.detail))}"

    def _listed(self, change: Change, attributes: Mapping[str, object], width: int) -> Iterator[str]:
        lines = [
            (label(change, path), shown(change, path, value, width))
            for path, value in leaves(change, attributes, everything=self._verbose)
        ]
        yield from _aligned(lines)

    def _altered(self, change: Change) -> Iterator[str]:
        lines: list[tuple[str, str]] = []
        for item in told_fields(change, everything=self._verbose):
            forced = self._ink("danger", "  # forces replacement") if item.forces_replacement else ""
            lines.append((label(change, item.path), shown_change(change, item, self._value_width) + forced))
        yield from _aligned(lines)
        unchanged = unchanged_count(change)
        if lines and unchanged:
            yield self._ink("dim", f"{_INDENT}({unchanged} unchanged)")


def _aligned(lines: list[tuple[str, str]]) -> Iterator[str]:
    column = min(max((len(name) for name, _ in lines), default=0), _NAME_COLUMN) + 2
    for name, value in lines:
        yield f"{_INDENT}{name + ': ':<{column}}{value}"


def _address_width(heads: list[_Head]) -> int:
    """Notes of one app line up behind its longest address that has one."""
    widths = (len(head.address) for head in heads if head.note)
    return max((width for width in widths if width <= _ADDRESS_COLUMN), default=0)


def _shorter(detail: str) -> str:
    """`web.1, web.2, web.3` as `web.1 to web.3`: nobody counts forty dynos."""

    def run(found: re.Match[str]) -> str:
        name, first, last = found[1], int(found[2]), int(found[3])
        spelled = ", ".join(f"{name}.{number}" for number in range(first, last + 1))
        return f"{name}.{first} to {name}.{last}" if last - first >= 2 and spelled == found[0] else found[0]

    return _MANY_DYNOS.sub(run, detail)
