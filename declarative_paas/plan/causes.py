"""Why a change is planned, in words a reviewer can check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from declarative_paas.core.following import FOLLOWER_TYPE, PROMOTED, follows, is_move
from declarative_paas.core.plan import Action, FieldChange
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Attributes, Reference, references
from declarative_paas.plan.prior import Prior

TAKEN_OVER: Final = "made by an interrupted apply: taken over"
TRIED_AGAIN: Final = "begun by an interrupted apply: tried again"
"""Causes that hold only while no apply runs: then what is journaled is a dead one's."""


def causes_of_change(
    action: Action, wanted: Resource, prior: Prior, fields: Sequence[FieldChange], *, demanded: str | None = None
) -> tuple[str, ...]:
    """The causes of an update or a replacement, most telling first, each once.

    `demanded` tells why it is made anew whatever changes of it.
    """
    found = list(_update_causes(wanted, prior, fields))
    if action is Action.REPLACE:
        found = [*_replace_causes(wanted, prior, fields), *found]
    if prior.origin is not None:
        found = [f"moved from {prior.origin}", *found]
    if demanded is not None:
        found = [demanded, *found]
    return tuple(dict.fromkeys(found))


def _replace_causes(wanted: Resource, prior: Prior, fields: Sequence[FieldChange]) -> Iterator[str]:
    if wanted.region != prior.region:
        yield f"region changed {prior.region} -> {wanted.region}: forces replacement"
    for item in fields:
        if item.forces_replacement:
            yield f"{item.path} changed: forces replacement"


def _update_causes(wanted: Resource, prior: Prior, fields: Sequence[FieldChange]) -> Iterator[str]:
    if prior.record is None:
        yield TAKEN_OVER
    yield from prior.problems
    yield from _promotion(wanted, fields)
    manifest = outside = False
    for item in fields:
        sources = sorted({str(reference.address) for reference in references(item.after)})
        if sources:
            yield f"{', '.join(sources)} changes"
        elif prior.record is not None and _at(prior.record.attributes, item.path) == item.after:
            outside = True
        else:
            manifest = True
    if outside:
        yield "changed outside of dpaas"
    if manifest and prior.record is not None:
        yield "the manifest changed"


def _promotion(wanted: Resource, fields: Sequence[FieldChange]) -> Iterator[str]:
    if wanted.address.type != FOLLOWER_TYPE or all(item.path != PROMOTED for item in fields):
        return
    between = wanted.attributes["between"]
    if not follows(wanted.attributes) and not is_move(wanted.attributes):
        yield f"promoted: it becomes {between['to']['app']}'s own, and no longer follows {between['from']['app']}"


def _at(attributes: Attributes, path: str) -> object:
    value: object = attributes
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return _NOWHERE
        value = value[part]  # pyright: ignore[reportUnknownVariableType]
    return _NOWHERE if isinstance(value, Reference) else value  # pyright: ignore[reportUnknownVariableType]


_NOWHERE = object()
