"""A plan as a comment on a change: everything for a reader of two minutes unfolded, the detail folded.

It stays under `LIMIT` whatever the plan's size: GitHub refuses a comment over 65,536 characters. Detail goes first,
app by app from the least risky; the verdict, errors, risks, deletions and replacements stay. Where even those are
too many they are counted and grouped, and it is said how many are not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Severity
from declarative_paas.preview.costs import Cost
from declarative_paas.preview.dangers import ALIKE, Danger, dangers_of
from declarative_paas.preview.forks import fork_markdown
from declarative_paas.preview.graph import render_graph
from declarative_paas.preview.markdown_changes import change_blocks, removal_line
from declarative_paas.preview.markdown_fitting import fitting, size
from declarative_paas.preview.markdown_text import cell, clipped, code, link, marker, prose, where
from declarative_paas.preview.model import ChangeView, DriftView, Limit, Preview, Restart
from declarative_paas.preview.values import dollars, printable

LIMIT: Final = 60_000
"""Bytes of UTF-8, so never more characters than that."""

_CAPS: Final = {
    "remarks": 1_500,
    "risks": 11_000,
    "errors": 9_000,
    "removed": 12_000,
    "cost": 4_000,
    "restarts": 2_500,
    "limits": 1_500,
    "warnings": 3_000,
    "drift": 4_000,
    "since": 1_500,
}
"""Bytes of each part that stands unfolded; together, with head and foot, some 6,000 below the limit."""

_GONE: Final = {"delete": "Deleted", "replace": "Replaced", "move": "Moved"}
"""What stands unfolded beside the risks: something that was there is not there any more."""

_GRAPH_NODES: Final = 40
"""A larger drawing is no help in a comment."""

_NAMED: Final = 20
"""Resources named of one danger that many of them have."""

_SPARE: Final = 600
"""Bytes for the headings between the parts."""


def render_markdown(preview: Preview) -> str:
    """GitHub's, GitLab's and Gitea's Markdown. The first line is the hidden marker of a comment edited in place."""
    head = [*_head(preview), *_risks(preview), *_errors(preview), *_removed(preview)]
    facts = [
        *fork_markdown(preview.plan),
        *_cost(preview),
        *_restarts(preview),
        *_limits(preview),
        *_warnings(preview),
        *_drift(preview),
        *_since(preview),
    ]
    foot = [*_next(preview), *_origin(preview)]
    room = LIMIT - size([*head, *facts, *foot]) - _SPARE
    changes = change_blocks(preview, room)
    graph = _graph(preview, room - size(changes))
    return "\n".join([*head, *facts, *changes, *graph, *foot]).rstrip("\n") + "\n"


def _head(preview: Preview) -> Iterator[str]:
    yield marker(str(preview.plan.scope))
    yield f"### {preview.verdict_text}"
    yield ""
    yield f"{code(str(preview.plan.scope))} · **{prose(preview.standing)}**"
    yield ""
    if preview.remarks:
        yield from fitting(preview.remarks, _CAPS["remarks"], lambda remark: f"- {prose(remark)}", _more_of("remark"))
        yield ""


def _risks(preview: Preview) -> Iterator[str]:
    """Everything worse than a restart, worst first, one line for what many resources share."""
    found = dangers_of(preview.risks)
    if found:
        yield "> [!CAUTION]"
        lines = fitting(found, _CAPS["risks"], lambda danger: _risk(danger, preview), _more_risks)
        yield from (f"> {line}" for line in lines)
        yield ""


def _risk(danger: Danger, preview: Preview) -> str:
    only = danger.risks[0] if len(danger.risks) == 1 else None
    line = "" if only is None else where(only.position, preview.origin.link_base)
    kind, _, confirmed = danger.headline.partition(", ")
    head = f"- **{kind}**{f', {confirmed}' if confirmed else ''}"
    if len(danger.risks) >= ALIKE:
        head += f" ({len(danger.risks)} resources{'' if danger.alike else f' of {_some(danger.apps)}'})"
    names = "" if len(danger.risks) >= ALIKE and not danger.alike else _some(danger.addresses, _NAMED)
    told = f"{prose(danger.detail)}{f' ({names})' if names else ''}{f' — {line}' if line else ''}"
    return f"{head}: {told}. *To avoid it:* {prose(danger.avoid)}."


def _more_risks(left: Sequence[Danger]) -> str:
    kinds = Counter(risk.kind.value for danger in left for risk in danger.risks)
    told = ", ".join(f"{kind} {count} times" for kind, count in sorted(kinds.items()))
    apps = {app for danger in left for app in danger.apps}
    return f"- **and {sum(kinds.values())} more that do not fit here**, in {len(apps)} apps: {told}"


def _errors(preview: Preview) -> Iterator[str]:
    errors = [item for item in preview.diagnostics if item.severity is Severity.ERROR]
    yield from _diagnostics(preview, "Errors", errors, _CAPS["errors"])


def _warnings(preview: Preview) -> Iterator[str]:
    rest = [item for item in preview.diagnostics if item.severity is not Severity.ERROR]
    yield from _diagnostics(preview, "Warnings and notes", rest, _CAPS["warnings"])


def _diagnostics(preview: Preview, title: str, items: Sequence[Diagnostic], cap: int) -> Iterator[str]:
    if not items:
        return

    def line(item: Diagnostic) -> str:
        place = where(item.position, preview.origin.link_base) or _unnamed(item)
        parts = [f"**{item.severity.value}**", f"{code(item.code)}:", prose(item.summary)]
        parts += [f"— expected: {prose(item.expected)}"] if item.expected else []
        parts += [f"— did you mean {code(item.suggestion)}"] if item.suggestion else []
        parts += [f"— {code(item.detail.splitlines()[-1])}"] if item.detail and item.detail.strip() else []
        parts += [f"— {place}"] if place else []
        return f"- {' '.join(parts)}"

    def more(left: Sequence[Diagnostic]) -> str:
        codes = Counter(item.code for item in left)
        told = ", ".join(f"{code(name)} {count} times" for name, count in codes.most_common(8))
        return f"- **and {len(left)} more that do not fit here**: {told}"

    yield f"#### {title} ({len(items)})"
    yield ""
    yield from fitting(items, cap, line, more)
    yield ""


def _removed(preview: Preview) -> Iterator[str]:
    gone = [change for change in preview.changes if change.deed in _GONE]
    if gone:
        counts = Counter(change.deed for change in gone)
        yield f"#### {', '.join(f'{word}: {counts[deed]}' for deed, word in _GONE.items() if counts[deed])}"
        yield ""
        yield from fitting(
            gone, _CAPS["removed"], lambda change: removal_line(change, preview.origin.link_base), _more_removed
        )
        yield ""


def _more_removed(left: Sequence[ChangeView]) -> str:
    counts = Counter(change.deed for change in left)
    told = ", ".join(f"{counts[deed]} more {word.lower()}" for deed, word in _GONE.items() if counts[deed])
    stateful = sum(change.type == "addon" for change in left)
    return f"- **{told}, which do not fit here**, in {len({change.app for change in left})} apps; add-ons: {stateful}"


def _cost(preview: Preview) -> Iterator[str]:
    costs = [app.cost for app in preview.apps if app.cost.delta_cents or app.cost.unpriced]
    total = preview.total
    if not (costs or total.delta_cents or total.unpriced):
        return  # the first line tells what it costs, as it did before
    yield "#### Cost a month"
    yield ""
    unpriced = total.unpriced or any(cost.unpriced for cost in costs)
    yield f"| | change | new total | percent |{' without a price |' if unpriced else ''}"
    yield f"|---|---:|---:|---:|{'---:|' if unpriced else ''}"
    yield _cost_row(total, f"**environment** {cell(total.name)}")
    costs.sort(key=lambda cost: (-abs(cost.delta_cents), cost.name))
    yield from fitting(costs, _CAPS["cost"], lambda cost: _cost_row(cost, cell(cost.name)), _more_costs)
    yield ""


def _cost_row(cost: Cost, name: str) -> str:
    """Its last cell only where there is something in it: forges take a row that ends early."""
    sign = "+" if cost.delta_cents > 0 else ""
    after = "" if cost.after_cents is None else dollars(cost.after_cents)
    percent = f"{cost.percent:+,} %" if cost.percent else ""
    unpriced = f" {cost.unpriced} |" if cost.unpriced else ""
    return f"| {name} | {sign}{dollars(cost.delta_cents)} | {after} | {percent} |{unpriced}"


def _more_costs(left: Sequence[Cost]) -> str:
    change = sum(cost.delta_cents for cost in left)
    unpriced = sum(cost.unpriced for cost in left)
    last = f" {unpriced} |" if unpriced else ""
    return f"| {len(left)} more apps | {'+' if change > 0 else ''}{dollars(change)} | | |{last}"


def _restarts(preview: Preview) -> Iterator[str]:
    if not preview.restarts:
        return

    def line(restart: Restart) -> str:
        return f"- {code(restart.app)}: {restart.sentence} ({_some(restart.dynos)})"

    def more(left: Sequence[Restart]) -> str:
        rolling = sum(len(restart.dynos) for restart in left if restart.rolling)
        stopping = sum(len(restart.dynos) for restart in left if not restart.rolling)
        return f"- and {len(left)} more apps: {rolling} dynos restart, {stopping} stop"

    yield f"#### Dynos that restart or stop ({sum(len(restart.dynos) for restart in preview.restarts)})"
    yield ""
    yield from fitting(preview.restarts, _CAPS["restarts"], line, more)
    yield ""


def _limits(preview: Preview) -> Iterator[str]:
    if not preview.limits:
        return

    def line(limit: Limit) -> str:
        return f"- {'**reached:** ' if limit.reached else ''}{prose(limit.sentence)}"

    yield "#### Limits"
    yield ""
    yield from fitting(preview.limits, _CAPS["limits"], line, _more_of("limit"))
    yield ""


def _drift(preview: Preview) -> Iterator[str]:
    if not preview.drift:
        return

    def line(drift: DriftView) -> str:
        fields = ", ".join(code(f"{one.label}: {one.text}") for one in drift.lines[:4])
        done = "" if drift.repaired else " — this plan leaves it so"
        return f"- {code(drift.address)}: {prose(drift.summary)}{' — ' if fields else ''}{fields}{done}"

    yield f"#### Changed outside of dpaas ({len(preview.drift)})"
    yield ""
    yield from fitting(preview.drift, _CAPS["drift"], line, _more_of("resource"))
    yield ""


def _since(preview: Preview) -> Iterator[str]:
    if preview.since is None:
        return
    yield f"#### Since {code(preview.since.name)}"
    yield ""
    yield from fitting(preview.since.lines, _CAPS["since"], lambda line: f"- {code(line)}", _more_of("difference"))
    yield ""


def _graph(preview: Preview, room: int) -> list[str]:
    if not 1 < len(preview.graph.nodes) <= _GRAPH_NODES:
        return []
    drawn = render_graph(preview.graph, "mermaid").rstrip("\n").split("\n")
    lines = ["<details><summary>Graph</summary>", "", "```mermaid", *drawn, "```", "", "</details>", ""]
    return lines if size(lines) <= room else []


def _next(preview: Preview) -> Iterator[str]:
    if preview.next_commands:
        yield "Next:"
        yield ""
        yield "```sh"
        yield from (clipped(printable(command), 300) for command in preview.next_commands)
        yield "```"
        yield ""


def _origin(preview: Preview) -> Iterator[str]:
    plan, origin = preview.plan, preview.origin
    facts = [f"plan {code(preview.digest[:16])}", f"state serial {plan.serial}"]
    facts += [f"base {code(clipped(origin.base, 80))}"] if origin.base else []
    facts += [f"head {code(clipped(origin.head, 80))}"] if origin.head else []
    facts += [f"dpaas {code(clipped(plan.tool_version, 80))}"] if plan.tool_version else []
    facts += [told] if (told := link("log", origin.job)) else []
    yield f"<sub>{' · '.join(facts)}</sub>"


def _some(names: Sequence[str], most: int = 6) -> str:
    """The first few, and how many more."""
    shown = ", ".join(code(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _more_of(noun: str) -> Callable[[Sequence[object]], str]:
    return lambda left: f"- and {len(left)} more {noun}{'' if len(left) == 1 else 's'} that do not fit here"


def _unnamed(item: Diagnostic) -> str:
    """What it is about, where its sentence does not say so already."""
    return code(item.address) if item.address and item.address not in item.summary else ""
