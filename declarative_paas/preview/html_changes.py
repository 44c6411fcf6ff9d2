"""The changes of the HTML preview: an app folds, a change is an article with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from declarative_paas.core.plan import Action, RiskKind
from declarative_paas.preview.causes import how_shared
from declarative_paas.preview.costs import cost_text
from declarative_paas.preview.html_text import code, where
from declarative_paas.preview.markdown_changes import counts_of
from declarative_paas.preview.model import AppView, ChangeView


def app_block(app: AppView, link_base: str | None, *, first: int, is_open: bool) -> Iterator[str]:
    """`first` numbers the app's first change among all of the plan."""
    cost = f", {cost_text(app.cost)}" if app.cost.delta_cents or app.cost.unpriced else ""
    worst = "" if app.worst is None else f' <span class="{_class(app.worst)}">{escape(app.worst.value)}</span>'
    yield f'<details class="app"{" open" if is_open else ""}>'
    counts = f"({escape(app.regions)}): {counts_of(app.counts)}{cost}"
    yield f"<summary><h3>{escape(app.name)}</h3> {counts}{worst}</summary>"
    for cause in app.shared_causes:
        shared = how_shared(cause, (change.causes for change in app.changes))
        yield f'<p class="dim">{shared} because {escape(cause)}</p>'
    for number, one in enumerate(app.changes, start=first):
        yield from _change(one, app, link_base, number)
    yield "</details>"


def _change(change: ChangeView, app: AppView, link_base: str | None, number: int) -> Iterator[str]:
    regions = f"{change.region} {change.prior_region or ''}".strip()
    kinds = ",".join(sorted({risk.kind.value for risk in change.risks}))
    yield (
        f'<article class="change" id="change-{number}" tabindex="-1" data-key="{escape(change.key)}" '
        f'data-app="{escape(change.app)}" data-region="{escape(regions)}" data-action="{change.deed}" '
        f'data-risk="{escape(kinds)}">'
    )
    place = where(change.position, link_base)
    yield (
        f'<span class="action {change.deed}">{change.deed}</span> <h4>{code(change.address)}</h4> '
        f"{escape(change.note)} {place}"
    )
    if change.moved_from:
        yield f"<p>moved from {code(change.moved_from)}</p>"
    for cause in change.causes:
        if cause not in app.shared_causes:
            yield f'<p class="dim">because {escape(cause)}</p>'
    for risk in change.risks:
        agreed = ", confirmed" if risk.confirmed else ""
        yield f'<p><span class="{_class(risk.kind)}">{escape(risk.kind.value)}</span>{agreed}: {escape(risk.detail)}.'
        yield f"To avoid it: {escape(risk.avoid)}.</p>"
    yield from _lines(change)
    if change.needs:
        yield f'<p class="dim">needs {", ".join(map(code, change.needs))}</p>'
    yield "</article>"


def _class(kind: RiskKind) -> str:
    """A restart loses no request: it is not told in the colour of what does harm."""
    return "risk mild" if kind is RiskKind.RESTART else "risk"


def _lines(change: ChangeView) -> Iterator[str]:
    if not change.lines:
        return
    yield "<dl>"
    for line in change.lines:
        forced = ' <span class="risk">forces replacement</span>' if line.forces_replacement else ""
        yield f'<dt>{escape(line.label)}</dt><dd class="value">{escape(line.text)}{forced}</dd>'
    yield "</dl>"
    if change.unchanged and change.action is not Action.CREATE:
        yield f'<p class="dim">{change.unchanged} unchanged</p>'
