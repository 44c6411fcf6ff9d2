"""What stands above the changes of the HTML preview: dangers, errors, cost, restarts, limits, drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Severity
from declarative_paas.core.plan import RiskKind
from declarative_paas.preview.forks import fork_html
from declarative_paas.preview.html_text import code, where
from declarative_paas.preview.model import Cost, Preview
from declarative_paas.preview.values import dollars

_FOLDED_FROM: Final = 12
"""A longer list stands folded: its length is told, and the changes come into view."""


def facts(preview: Preview) -> Iterator[str]:
    """Every part that has something to say, the worst first."""
    yield from _dangers(preview)
    errors = [item for item in preview.diagnostics if item.severity is Severity.ERROR]
    rest = [item for item in preview.diagnostics if item.severity is not Severity.ERROR]
    yield from _section("Errors", [_diagnostic(item, preview) for item in errors], "danger")
    yield from _section("Warnings and notes", [_diagnostic(item, preview) for item in rest])
    yield from _section("Forks", list(fork_html(preview.plan)))
    yield from _cost(preview)
    dynos = sum(len(restart.dynos) for restart in preview.restarts)
    yield from _section(
        f"Dynos that restart or stop ({dynos})",
        [
            f"{code(restart.app)}: {escape(restart.sentence)} ({escape(_some(restart.dynos))})"
            for restart in preview.restarts
        ],
    )
    yield from _section(
        "Limits",
        [
            f"{'<strong>reached:</strong> ' if limit.reached else ''}{escape(limit.sentence)}"
            for limit in preview.limits
        ],
    )
    yield from _section("Changed outside of dpaas", list(_drift(preview)))


def _section(title: str, items: list[str], kind: str = "") -> Iterator[str]:
    if not items:
        return
    yield f'<section class="{kind}">' if kind else "<section>"
    yield f"<h2>{escape(title)}</h2>"
    yield from _list(items)
    yield "</section>"


def _list(items: list[str]) -> Iterator[str]:
    listed = ["<ul>", *(f"<li>{item}</li>" for item in items), "</ul>"]
    if len(items) < _FOLDED_FROM:
        yield from listed
    else:
        yield f"<details><summary>{len(items)} entries</summary>"
        yield from listed
        yield "</details>"


def _dangers(preview: Preview) -> Iterator[str]:
    """Every risk above a restart: the banner lines first, each change's own reason below."""
    worse = [risk for risk in preview.risks if risk.kind is not RiskKind.RESTART]
    if not worse:
        return
    yield '<section class="danger" aria-labelledby="dangers"><h2 id="dangers">What is at stake</h2>'
    yield from _list([escape(banner) for banner in preview.banners])
    ways = list(dict.fromkeys(f"{risk.kind.value}: {risk.avoid}" for risk in worse))
    yield "<p><strong>To avoid it</strong></p>"
    yield from _list([escape(way) for way in ways])
    yield "</section>"


def _diagnostic(item: Diagnostic, preview: Preview) -> str:
    place = where(item.position, preview.origin.link_base) or (code(item.address) if item.address else "")
    parts = [f"<strong>{item.severity.value}</strong> {code(item.code)}: {escape(item.summary)}"]
    parts += [f"expected: {escape(item.expected)}"] if item.expected else []
    parts += [f"did you mean {code(item.suggestion)}"] if item.suggestion else []
    parts += [place] if place else []
    detail = f"<pre>{escape(item.detail)}</pre>" if item.detail and item.detail.strip() else ""
    return " — ".join(parts) + detail


def _cost(preview: Preview) -> Iterator[str]:
    costs = [app.cost for app in preview.apps if app.cost.delta_cents or app.cost.unpriced]
    if not (costs or preview.total.after_cents):
        return
    costs.sort(key=lambda cost: (-abs(cost.delta_cents), cost.name))
    yield '<section><h2 id="cost">Cost a month</h2>'
    table = [*_table(preview.total, costs)]
    if len(costs) >= _FOLDED_FROM:
        yield from _table(preview.total, [])
        yield f"<details><summary>{len(costs)} apps</summary>"
        yield from table
        yield "</details>"
    else:
        yield from table
    yield "</section>"


def _table(total: Cost, costs: Iterable[Cost]) -> Iterator[str]:
    yield '<table aria-label="Cost a month"><thead><tr><th scope="col">Whose</th><th scope="col">change</th>'
    yield '<th scope="col">new total</th><th scope="col">percent</th><th scope="col">unpriced</th></tr></thead><tbody>'
    yield _row(f"environment {escape(total.name)}", total)
    yield from (_row(escape(cost.name), cost) for cost in costs)
    yield "</tbody></table>"


def _row(name: str, cost: Cost) -> str:
    sign = "+" if cost.delta_cents > 0 else ""
    after = "" if cost.after_cents is None else dollars(cost.after_cents)
    percent = f"{cost.percent:+} %" if cost.percent else ""
    return (
        f'<tr><th scope="row">{name}</th><td>{sign}{dollars(cost.delta_cents)}</td><td>{after}</td>'
        f"<td>{percent}</td><td>{cost.unpriced or ''}</td></tr>"
    )


def _drift(preview: Preview) -> Iterator[str]:
    for drift in preview.drift:
        lines = "".join(
            f'<dt>{escape(line.label)}</dt><dd class="value">{escape(line.text)}</dd>' for line in drift.lines
        )
        done = "" if drift.repaired else " (this plan leaves it so)"
        yield f"{code(drift.address)}: {escape(drift.summary)}{done}{f'<dl>{lines}</dl>' if lines else ''}"


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
