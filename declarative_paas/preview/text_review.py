"""A plan as plain text for its reviewers: what `dpaas plan` prints, and around it all that the other formats tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.preview.costs import Cost
from declarative_paas.preview.dangers import ALIKE, dangers_of
from declarative_paas.preview.model import Preview
from declarative_paas.preview.text import body_lines
from declarative_paas.preview.values import dollars, printable

_INDENT: Final = "    "


def render_text_review(preview: Preview) -> str:
    """The whole of it, uncut: a file has room."""
    return "\n".join(_lines(preview)) + "\n"


def _lines(preview: Preview) -> Iterator[str]:
    yield preview.verdict_text
    yield f"{printable(str(preview.plan.scope))}: {preview.standing}"
    yield from preview.remarks
    yield from _dangers(preview)
    yield from _part("Errors", _told(item for item in preview.diagnostics if item.is_error))
    yield from body_lines(preview.plan)
    yield from _part("Cost a month", _costs(preview))
    yield from _part("Dynos that restart or stop", _restarts(preview))
    yield from _part("Limits", (f"{'reached: ' if one.reached else ''}{one.sentence}" for one in preview.limits))
    yield from _part("Warnings and notes", _told(item for item in preview.diagnostics if not item.is_error))
    if preview.since is not None:
        yield from _part(f"Since {preview.since.name}", preview.since.lines)
    yield from _part("Next", preview.next_commands)
    yield ""
    yield _origin(preview)


def _part(title: str, lines: Iterable[str]) -> Iterator[str]:
    told = [f"{_INDENT}{line}" for text in lines for line in text.split("\n")]
    if told:
        yield from ("", f"{title}:", *told)


def _dangers(preview: Preview) -> Iterator[str]:
    """Everything worse than a restart, worst first, each with its way out."""
    for danger in dangers_of(preview.risks):
        many = len(danger.risks) >= ALIKE
        of = "" if danger.alike else f" of {', '.join(danger.apps)}"
        whose = f" ({len(danger.risks)} resources{of})" if many else ""
        names = "" if many and not danger.alike else ", ".join(danger.addresses)
        yield f"! {danger.headline}{whose}: {danger.detail}{f' ({names})' if names else ''}"
        yield f"{_INDENT}to avoid it: {danger.avoid}"


def _told(items: Iterable[Diagnostic]) -> Iterator[str]:
    return map(str, items)


def _costs(preview: Preview) -> Iterator[str]:
    costs = [app.cost for app in preview.apps if app.cost.delta_cents or app.cost.unpriced]
    if not (costs or preview.total.delta_cents or preview.total.unpriced):
        return  # the first line tells what it costs, as it did before
    unpriced = preview.total.unpriced or any(cost.unpriced for cost in costs)
    rows = [("", "change", "new total", "percent", "without a price" if unpriced else "")]
    rows += [_row(f"environment {preview.total.name}", preview.total)]
    costs.sort(key=lambda cost: (-abs(cost.delta_cents), cost.name))
    rows += [_row(cost.name, cost) for cost in costs]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for name, *cells in rows:
        numbers = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        yield f"{name:<{widths[0]}}  {numbers}".rstrip()


def _row(name: str, cost: Cost) -> tuple[str, str, str, str, str]:
    sign = "+" if cost.delta_cents > 0 else ""
    after = "" if cost.after_cents is None else dollars(cost.after_cents)
    percent = f"{cost.percent:+,} %" if cost.percent else ""
    return (name, f"{sign}{dollars(cost.delta_cents)}", after, percent, str(cost.unpriced or ""))


def _restarts(preview: Preview) -> Iterator[str]:
    for restart in preview.restarts:
        yield f"{restart.app}: {restart.sentence} ({', '.join(restart.dynos)})"


def _origin(preview: Preview) -> str:
    plan, origin = preview.plan, preview.origin
    facts = [f"plan {preview.digest}", f"state serial {plan.serial}"]
    facts += [f"base {origin.base}"] if origin.base else []
    facts += [f"head {origin.head}"] if origin.head else []
    facts += [f"dpaas {plan.tool_version}"] if plan.tool_version else []
    return printable(" · ".join(facts))
