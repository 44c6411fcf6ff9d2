"""What stands above the changes of the HTML preview: dangers, errors, cost, restarts, limits, drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Severity
from declarative_paas.preview.costs import Cost
from declarative_paas.preview.dangers import ALIKE, Danger, dangers_of
from declarative_paas.preview.forks import fork_html
from declarative_paas.preview.html_text import code, prose, where
from declarative_paas.preview.model import Preview
from declarative_paas.preview.values import dollars, printable

_UNPRICED: Final = '<th scope="col">unpriced</th>'
_FOLDED_FROM: Final = 12
"""A longer list stands folded: its length is told, and the changes come into view."""


def facts(preview: Preview) -> Iterator[str]:
    """Every part that has something to say, the worst first."""
    yield from _dangers(preview)
    errors = [item for item in preview.diagnostics if item.severity is Severity.ERROR]
    rest = [item for item in preview.diagnostics if item.severity is not Severity.ERROR]
    yield from _section(f"Errors ({len(errors)})", [_diagnostic(item, preview) for item in errors], "danger")
    yield from _section(f"Warnings and notes ({len(rest)})", [_diagnostic(item, preview) for item in rest])
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
    if preview.since is not None:
        yield from _section(f"Since {printable(preview.since.name)}", list(map(code, preview.since.lines)))


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
    """Every risk above a restart, what is alike told once, each with its way out."""
    found = dangers_of(preview.risks)
    if not found:
        return
    yield '<section class="danger" aria-labelledby="dangers"><h2 id="dangers">What is at stake</h2>'
    yield from _list([_danger(danger, preview) for danger in found])
    yield "</section>"


def _danger(danger: Danger, preview: Preview) -> str:
    many = len(danger.risks) >= ALIKE
    of = "" if danger.alike else f" of {escape(_some(danger.apps))}"
    whose = f" ({len(danger.risks)} resources{of})" if many else ""
    only = danger.risks[0] if len(danger.risks) == 1 else None
    place = "" if only is None else where(only.position, preview.origin.link_base)
    names = ", ".join(map(code, danger.addresses))
    few = f" ({names})" if names and not many else ""
    told = f"<strong>{escape(danger.headline)}</strong>{whose}: {escape(danger.detail)}{few}"
    which = f"<details><summary>Which they are</summary><p>{names}</p></details>" if danger.alike else ""
    return f"{told}{f' — {place}' if place else ''}. <em>To avoid it:</em> {escape(danger.avoid)}.{which}"


def _diagnostic(item: Diagnostic, preview: Preview) -> str:
    place = where(item.position, preview.origin.link_base) or _unnamed(item)
    parts = [f"<strong>{item.severity.value}</strong> {code(item.code)}: {prose(item.summary)}"]
    parts += [f"expected: {prose(item.expected)}"] if item.expected else []
    parts += [f"did you mean {code(item.suggestion)}"] if item.suggestion else []
    parts += [place] if place else []
    detail = f"<pre>{escape(item.detail)}</pre>" if item.detail and item.detail.strip() else ""
    return " — ".join(parts) + detail


def _cost(preview: Preview) -> Iterator[str]:
    costs = [app.cost for app in preview.apps if app.cost.delta_cents or app.cost.unpriced]
    if not (costs or preview.total.delta_cents or preview.total.unpriced):
        return  # the heading tells what it costs, as it did before
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
    listed = [total, *costs]
    unpriced = any(cost.unpriced for cost in listed)
    yield '<div class="wide" tabindex="0" role="group" aria-label="Cost a month"><table aria-label="Cost a month">'
    yield '<thead><tr><th scope="col">Whose</th>'
    yield '<th scope="col">change</th><th scope="col">new total</th><th scope="col">percent</th>'
    yield f"{_UNPRICED if unpriced else ''}</tr></thead><tbody>"
    yield _row(f"environment {escape(total.name)}", total, unpriced=unpriced)
    yield from (_row(escape(cost.name), cost, unpriced=unpriced) for cost in listed[1:])
    yield "</tbody></table></div>"


def _row(name: str, cost: Cost, *, unpriced: bool) -> str:
    sign = "+" if cost.delta_cents > 0 else ""
    after = "" if cost.after_cents is None else dollars(cost.after_cents)
    percent = f"{cost.percent:+,} %" if cost.percent else ""
    last = f"<td>{cost.unpriced or ''}</td>" if unpriced else ""
    return (
        f'<tr><th scope="row">{name}</th><td>{sign}{dollars(cost.delta_cents)}</td><td>{after}</td>'
        f"<td>{percent}</td>{last}</tr>"
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


def _unnamed(item: Diagnostic) -> str:
    """What it is about, where its sentence does not say so already."""
    return code(item.address) if item.address and item.address not in item.summary else ""
