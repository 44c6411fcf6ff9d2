"""Why something changes, without what the reader sees already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from declarative_paas.core.plan import Action, Change, RiskKind
from declarative_paas.preview.values import printable, show

_OBVIOUS: Final[Mapping[Action, tuple[str, ...]]] = {
    Action.CREATE: ("not there yet",),
    Action.UPDATE: ("the manifest changed",),
    Action.REPLACE: ("the manifest changed",),
    Action.DELETE: ("destroy",),
    Action.FORGET: (),
}
_MANY: Final = 5
"""A cause that fewer changes have is told with each, unless all have it."""

_FOLLOWS: Final = " changes"
"""How the planner ends a cause that is another resource."""


def shared_causes(changes: Sequence[Change]) -> list[str]:
    """What every change of an app, or most of many, has as a cause: told once, above them."""
    counts = Counter(
        cause
        for change in changes
        for cause in dict.fromkeys(change.causes)
        if not cause.endswith(_FOLLOWS) and cause not in _OBVIOUS[change.action]
    )
    most = max(_MANY, -(-len(changes) // 2))
    return [cause for cause, count in counts.items() if count > 1 and count >= min(most, len(changes))]


def how_shared(cause: str, causes: Iterable[Collection[str]]) -> Literal["all", "most"]:
    """Of whom a shared cause is told; `causes` are those of each change."""
    return "all" if all(cause in own for own in causes) else "most"


def causes_told(change: Change, told: Collection[str] = (), *, everything: bool = False) -> Iterator[str]:
    """One line each: own causes first, then the resources that this one follows, in one sentence."""
    own = [cause for cause in change.causes if not cause.endswith(_FOLLOWS)]
    followed = [cause.removesuffix(_FOLLOWS) for cause in change.causes if cause.endswith(_FOLLOWS)]
    for cause in own:
        if everything or (cause not in told and cause not in _OBVIOUS[change.action]):
            yield f"because {printable(cause)}"
    # What is made anew for its own reasons follows nobody.
    if followed and (everything or change.action is not Action.REPLACE):
        verb = "change" if len(followed) > 1 or "," in followed[0] else "changes"
        yield f"because {printable(', '.join(followed))} {verb}"


def ways_out(change: Change) -> Iterator[str]:
    """How not to lose the data that a replacement would destroy."""
    if change.action is not Action.REPLACE or all(risk.kind is not RiskKind.DATA_LOSS for risk in change.risks):
        return
    kept = [f"{item.path} {show(item.before)}" for item in change.fields if item.forces_replacement]
    if change.prior_region not in (None, change.region):
        kept.insert(0, f"region {change.prior_region}")
    if kept:
        yield f"to keep its data, keep {printable(' and '.join(kept))}"
