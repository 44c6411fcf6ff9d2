"""The forks that a plan makes, as lines to read: where each goes, what it gets of its source, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from declarative_paas.core.fork_review import DataFate, ForkedAddon, ForkReview
from declarative_paas.core.plan import Plan
from declarative_paas.preview.markdown_fitting import fitting
from declarative_paas.preview.markdown_text import code, prose
from declarative_paas.preview.values import dollars, printable

_CAP: Final = 4_000
"""Bytes of Markdown for all forks: a comment has a limit."""

_SHORT_S: Final = 5
"""What takes less is not told to the second."""


def fork_lines(plan: Plan) -> Iterator[str]:
    """For a terminal; nothing when the plan makes no fork."""
    if not plan.forks:
        return
    yield "Forks:"
    for fork in plan.forks:
        yield f"    {printable(fork.fork)}, of {printable(fork.source)}: {printable(_way(fork))}"
        for label, text in _facts(fork):
            yield f"      {printable(label)}: {printable(text)}"


def fork_markdown(plan: Plan) -> Iterator[str]:
    """The same as Markdown, every word escaped."""
    if not plan.forks:
        return
    yield f"#### Forks ({len(plan.forks)})"
    yield ""
    yield from fitting(plan.forks, _CAP, _item, _more)
    yield ""


def fork_html(plan: Plan) -> Iterator[str]:
    """The content of one list item a fork, every word escaped."""
    for fork in plan.forks:
        facts = "".join(f"<li>{escape(printable(f'{label}: {text}'))}</li>" for label, text in _facts(fork))
        head = escape(printable(f"{fork.fork}, of {fork.source}: {_way(fork)}"))
        yield f"<strong>{head}</strong><ul>{facts}</ul>"


def _item(fork: ForkReview) -> str:
    head = f"- {code(fork.fork)}, of {code(fork.source)}: **{prose(_way(fork))}**"
    return "\n".join([head, *(f"  - {prose(label)}: {prose(text)}" for label, text in _facts(fork))])


def _more(left: Sequence[ForkReview]) -> str:
    abroad = sum(fork.changes_jurisdiction for fork in left)
    return f"- **and {len(left)} more forks that do not fit here**, {abroad} of them into another jurisdiction"


def _way(fork: ForkReview) -> str:
    regions = f"{fork.from_region} -> {fork.to_region}"
    if fork.from_region == fork.to_region:
        return f"in {fork.to_region}, beside it"
    if not fork.changes_jurisdiction:
        return regions
    return f"{regions}, jurisdiction {fork.from_jurisdiction or 'undeclared'} -> {fork.to_jurisdiction or 'undeclared'}"


def _facts(fork: ForkReview) -> Iterator[tuple[str, str]]:
    for addon in fork.addons:
        yield addon.alias, _addon(addon)
        if addon.fate is DataFate.FOLLOWED:
            yield addon.alias, "kept up to date from then on, read-only until it is promoted"
    yield "slug", fork.slug
    if fork.common:
        yield "secrets of both", ", ".join(fork.common)
    for left in fork.left_behind:
        yield "not taken over", left
    yield "price", f"{'+' if fork.price_cents > 0 else ''}{dollars(fork.price_cents)}/mo"
    yield "downtime", f"none: {fork.source} goes on serving"


def _addon(addon: ForkedAddon) -> str:
    parts = [_FATES[addon.fate]]
    if addon.size_bytes is not None and addon.seconds is not None:
        expected = f"under {_SHORT_S} s" if addon.seconds < _SHORT_S else f"about {_duration(addon.seconds)}"
        begun = _BEGUN.get(addon.fate, _FATES[addon.fate])
        parts = [f"{begun}, {_size(addon.size_bytes)} now, {expected} with verification ({addon.remark})"]
    elif addon.remark:
        parts.append(addon.remark)
    return "; ".join(parts)


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 2**30), ("MB", 2**20)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 2**10:.0f} kB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


_BEGUN: Final = {DataFate.COPIED: "copied", DataFate.FOLLOWED: "follows the source's: copied first"}
"""What is told of data that is copied now."""

_FATES: Final = {
    DataFate.COPIED: "copied",
    DataFate.EMPTY: "new and empty",
    DataFate.SHARED: "shared",
    DataFate.FOLLOWED: "follows the source's",
    DataFate.OWN_ACCOUNT: "an account of its own",
    DataFate.LEFT_OUT: "left out",
}
