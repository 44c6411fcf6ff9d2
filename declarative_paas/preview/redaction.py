"""A plan as it may be shown: whatever looks like a secret is masked, and told. The plan that is applied is another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Position, warning
from declarative_paas.core.plan import Change, Drift, FieldChange, Plan, Risk
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import Attributes, Value, is_list, is_map
from declarative_paas.preview.lookalikes import Lookalike, lookalikes, masked

Positions: TypeAlias = Callable[[ResourceAddress, str], Position | None]
"""Where in the manifests an attribute (`vars.TOKEN`) of a resource is written, if that is known."""

UNMARKED = "unmarked-secret"
_VARS = "vars."
_MASK = re.compile(r"\[masked: [^\]]*\]")
Map = TypeVar("Map", Attributes, Attributes | None)


def no_positions(_address: ResourceAddress, _path: str) -> Position | None:
    """For a saved plan: its resources' own positions are all there is."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """The plan to show, and what was masked in it, in the order of the plan's changes."""

    plan: Plan
    found: tuple[tuple[Change, str, str], ...]
    """(change, path of the attribute, what it looks like)"""


@dataclass(slots=True)
class _Masking:
    """What one plan hides. `texts` are found secrets, wherever else they turn up: in a cause, in a sentence."""

    texts: dict[str, str] = field(default_factory=dict[str, str])

    def value(self, value: Value, path: str) -> Value:
        """The same object when nothing in it is masked: most of a plan needs no copy."""
        if isinstance(value, str):
            found = lookalikes(value, path.removeprefix(_VARS) if path.startswith(_VARS) else None)
            for one in found:
                self.texts[value[one.start : one.end]] = one.kind
            return masked(value, found) if found else value
        if is_map(value):
            shown = {key: self.value(item, f"{path}.{key}" if path else key) for key, item in value.items()}
            return shown if any(shown[key] is not value[key] for key in shown) else value
        if is_list(value):
            items = [self.value(item, path) for item in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        return value

    def attributes(self, attributes: Map) -> Map:
        shown: Map = self.value(attributes, "")
        return shown

    def field(self, item: FieldChange) -> FieldChange:
        before, after = self.value(item.before, item.path), self.value(item.after, item.path)
        if before is item.before and after is item.after:
            return item
        if before == after and isinstance(after, str):
            # Masked, two values look the same; that they differ is what the reviewer must know.
            after = _MASK.sub("[masked, changed]", after)
        return replace(item, before=before, after=after)

    def text(self, text: str) -> str:
        """A sentence of ours that may quote a value."""
        for secret, kind in self.texts.items():
            text = text.replace(secret, f"[masked: {kind}]")
        found = lookalikes(text)
        return masked(text, found) if found else text

    def change(self, change: Change) -> Change:
        return replace(
            change,
            before=self.attributes(change.before),
            after=self.attributes(change.after),
            fields=tuple(map(self.field, change.fields)),
        )

    def told(self, change: Change) -> Change:
        return replace(
            change,
            causes=tuple(map(self.text, change.causes)),
            risks=tuple(Risk(risk.kind, self.text(risk.detail)) for risk in change.risks),
        )

    def drift(self, drift: Drift) -> Drift:
        return replace(drift, fields=tuple(map(self.field, drift.fields)))

    def record(self, record: ResourceState) -> ResourceState:
        return replace(record, attributes=self.attributes(record.attributes), outputs=self.attributes(record.outputs))


def redacted(plan: Plan) -> Redacted:
    """Pure: masks every value, sentence and record of the plan. A plan without lookalikes comes back as it is."""
    masking = _Masking()
    changes = tuple(map(masking.change, plan.changes))
    drift = tuple(map(masking.drift, plan.drift))
    refreshed = tuple(map(masking.record, plan.refreshed))
    if not masking.texts and not any(map(_quotes, _sentences(plan))):
        return Redacted(plan=plan, found=())
    shown = replace(
        plan,
        changes=tuple(map(masking.told, changes)),
        drift=tuple(replace(item, summary=masking.text(item.summary)) for item in drift),
        refreshed=refreshed,
    )
    return Redacted(plan=shown, found=tuple(_found(plan)))


def redacted_text(text: str) -> str:
    """Any other sentence that is shown beside a plan, a diagnostic for one."""
    found = lookalikes(text)
    return masked(text, found) if found else text


def unmarked_secrets(plan: Plan, positions: Positions = no_positions) -> list[Diagnostic]:
    """A warning for each attribute that is about to be set and looks like a secret, with its manifest line."""
    return told_of(redacted(plan), positions)


def told_of(shown: Redacted, positions: Positions = no_positions) -> list[Diagnostic]:
    """The same, of a plan that is masked already."""
    return [
        warning(
            UNMARKED,
            f"{path.removeprefix(_VARS)} of {change.address.app} looks like {kind}, but is no secret",
            positions(change.address, path) or change.position,
            expected=_way_out(change.address, path),
            address=str(change.address),
        )
        for change, path, kind in shown.found
    ]


def _way_out(address: ResourceAddress, path: str) -> str:
    name = path.removeprefix(_VARS)
    if address.type != "config" or name == path:
        return "a config var that is a secret, and its name where the value stands now"
    secret = f"{address.app}/{name.lower().replace('_', '-')}"
    return f"`dpaas secrets set {secret}`, and {name}: {{secret: {secret}}} in the manifest"


def _found(plan: Plan) -> Iterator[tuple[Change, str, str]]:
    for change in plan.changes:
        if change.after is not None:
            for path, one in _leaves(change.after, ""):
                yield change, path, one.kind


def _leaves(value: Value, path: str) -> Iterator[tuple[str, Lookalike]]:
    if isinstance(value, str):
        found = lookalikes(value, path.removeprefix(_VARS) if path.startswith(_VARS) else None)
        yield from ((path, one) for one in found[:1])
    elif is_map(value):
        for key in sorted(value):
            yield from _leaves(value[key], f"{path}.{key}" if path else key)
    elif is_list(value):
        for item in value:
            yield from _leaves(item, path)


def _sentences(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        yield from change.causes
        yield from (risk.detail for risk in change.risks)
    yield from (item.summary for item in plan.drift)


def _quotes(text: str) -> bool:
    return bool(lookalikes(text))
