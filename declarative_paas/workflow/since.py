"""How one plan differs from another: what is new in it, what is gone, what is done otherwise, what is riskier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from declarative_paas.core.plan import Change, Plan
from declarative_paas.core.values import Value, encode, is_map

_FIELDS_TOLD = 6
"""Of one changed resource; more are counted."""

Key = tuple[str, bool]
"""A resource's address, and whether it is about a leftover: an old instance that is deleted beside its successor."""


class Kind(Enum):
    """In which way a change of one plan is not in the other."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RISKIER = "riskier"


_SIGNS = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~", Kind.RISKIER: "!"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One change that is not the same in both plans; `text` says how, without any value that is a secret."""

    kind: Kind
    address: str
    text: str

    def __str__(self) -> str:
        return f"{_SIGNS[self.kind]} {self.address}: {self.text}"


def differences(earlier: Plan, later: Plan) -> list[Difference]:
    """Pure; sorted by address, empty when both would do the same at no higher risk."""
    before, after = changes_by_key(earlier), changes_by_key(later)
    found: list[Difference] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old is None:
            assert new is not None, "it is in one of the two"
            found.append(Difference(kind=Kind.ADDED, address=key[0], text=_told(new)))
        elif new is None:
            found.append(Difference(kind=Kind.REMOVED, address=key[0], text=f"{old.action.value}, not any more"))
        else:
            found.extend(_between(old, new))
    return found


def changes_by_key(plan: Plan) -> dict[Key, Change]:
    """Each change once; where an address has two, the one of its other instance is told apart."""
    found: dict[Key, Change] = {}
    for change in plan.changes:
        key = (str(change.address), False)
        found[(key[0], True) if key in found else key] = change
    return found


def risen_risks(old: Change, new: Change) -> Iterator[Difference]:
    """Kinds of danger that the earlier one did not have, and a price that is higher."""
    kinds = {risk.kind for risk in old.risks}
    for risk in new.risks:
        if risk.kind not in kinds:
            yield Difference(kind=Kind.RISKIER, address=str(new.address), text=f"{risk.kind.value}: {risk.detail}")
    if old.price_after_cents is not None and (new.price_after_cents or 0) > old.price_after_cents:
        raised = f"costs {new.price_after_cents} cents a month, not {old.price_after_cents}"
        yield Difference(kind=Kind.RISKIER, address=str(new.address), text=raised)


def _told(change: Change) -> str:
    because = f" ({'; '.join(change.causes)})" if change.causes else ""
    return f"{change.action.value}{because}"


def _between(old: Change, new: Change) -> Iterator[Difference]:
    address = str(new.address)

    def changed(text: str) -> Difference:
        return Difference(kind=Kind.CHANGED, address=address, text=text)

    if (old.action, old.create_before_destroy, old.retains) != (new.action, new.create_before_destroy, new.retains):
        yield changed(f"{old.action.value} then, {_told(new)} now")
    if (old.region, old.prior_region) != (new.region, new.prior_region):
        yield changed(f"in region {old.region} then, in {new.region} now")
    if old.moved_from != new.moved_from:
        yield changed(f"moved from {old.moved_from or 'nowhere'} then, from {new.moved_from or 'nowhere'} now")
    for name, then, now in (("asked for", old.after, new.after), ("found", old.before, new.before)):
        paths = list(_paths(encode(then), encode(now), ""))
        if paths:
            more = f" and {len(paths) - _FIELDS_TOLD} more" if len(paths) > _FIELDS_TOLD else ""
            yield changed(f"what is {name} differs in {', '.join(paths[:_FIELDS_TOLD])}{more}")
    yield from risen_risks(old, new)


def _paths(then: Value, now: Value, path: str) -> Iterator[str]:
    """Where two values differ, by path: the values themselves stand in the plans."""
    if is_map(then) and is_map(now):
        old: Mapping[str, Value] = then
        new: Mapping[str, Value] = now
        for key in sorted(old.keys() | new.keys()):
            below = f"{path}.{key}" if path else key
            if key in old and key in new:
                yield from _paths(old[key], new[key], below)
            else:
                yield below
    elif then != now:
        yield path or "everything"
