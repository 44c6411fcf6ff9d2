"""A scope's record as one JSON document: what `state pull` prints and `state push` takes back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.core.state import Intent, Snapshot, StateError
from declarative_paas.core.values import is_list, references, secret_refs

FORMAT: Final = 1

_LARGEST: Final = 2**53 - 1
"""Of any number in a record: no store's integers end below it, and every JSON reader has it exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDocument:
    """Whose record it is, and the record. Secrets are in it by name, version and keyed digest only."""

    scope: Scope
    snapshot: Snapshot

    def to_json(self) -> dict[str, Any]:
        snapshot = self.snapshot
        return {
            "format": FORMAT,
            "scope": [self.scope.platform, self.scope.environment, self.scope.stack],
            "lineage": snapshot.lineage,
            "serial": snapshot.serial,
            "resources": [snapshot.resources[key].to_json() for key in sorted(snapshot.resources)],
            "unfinished_steps": [
                {
                    "step": intent.step_id,
                    "operation": intent.operation.value,
                    "address": str(intent.address),
                    "instance": intent.instance,
                    "region": intent.region,
                }
                for intent in snapshot.intents
            ],
        }

    @classmethod
    def parse(cls, text: str | bytes) -> StateDocument:
        """Raises StateError, which tells what is wrong with the document: all of it is looked at."""
        try:
            loaded: Any = json.loads(text)
            json.dumps(loaded, ensure_ascii=False, allow_nan=False).encode()  # what no store could write again
        except (ValueError, RecursionError) as problem:
            raise StateError(f"the pushed state is not JSON: {problem}") from None
        if not isinstance(loaded, dict) or "format" not in loaded:
            raise StateError("the pushed file is no state: `dpaas state pull` prints what may be pushed")
        data = cast("dict[str, Any]", loaded)
        if data["format"] != FORMAT:
            raise StateError(f"the pushed state has format {data['format']!r}, this version knows {FORMAT}")
        try:
            scope = Scope(*[_text(part) for part in data["scope"]])
            lineage, serial = _text(data["lineage"]), data["serial"]
            if type(serial) is not int or not 0 <= serial <= _LARGEST:
                raise ValueError(f"its serial is {serial!r}")
        except (LookupError, TypeError, ValueError) as problem:
            raise StateError(f"the pushed state is damaged: its head makes no sense ({problem})") from None
        resources = _resources(_list(data, "resources"))
        intents = [_intent(number, item) for number, item in enumerate(_list(data, "unfinished_steps"))]
        snapshot = Snapshot(lineage=lineage, serial=serial, resources=resources, intents=tuple(intents))
        return cls(scope=scope, snapshot=snapshot)


def _resources(items: Sequence[Any]) -> Mapping[InstanceKey, ResourceState]:
    found: dict[InstanceKey, ResourceState] = {}
    current: set[ResourceAddress] = set()
    for number, item in enumerate(items):
        try:
            record = ResourceState.from_json(item)
            if record.address.type not in RESOURCE_TYPES:
                raise ValueError(f"there is no resource type {record.address.type}")
            if not is_list(item["dependencies"]):
                raise TypeError("its dependencies are no list")
            _check_types(record)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as problem:
            raise StateError(f"the pushed state is damaged: resource {number + 1} makes no sense ({problem})") from None
        is_current = record.status is InstanceStatus.CURRENT
        if record.key in found or (is_current and record.address in current):
            raise StateError(f"the pushed state is damaged: {record.address} is in it twice")
        found[record.key] = record
        if is_current:
            current.add(record.address)
    return found


def _check_types(record: ResourceState) -> None:
    """Raises TypeError or ValueError where a record is not of the types that it is read as."""
    for text in (record.instance, record.region, record.remote_id, record.declared_in):
        _text(text)
    _number(record.type_version)
    if record.price_cents is not None:
        _number(record.price_cents)
    for values in (record.attributes, record.outputs):
        for ref in secret_refs(values):
            _text(ref.name)
            _text(ref.digest)
            _number(ref.version)
        for reference in references(values):
            _text(reference.attribute)


def _number(value: Any) -> None:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{value} is out of range")


def _intent(number: int, item: Any) -> Intent:
    try:
        return Intent(
            step_id=_text(item["step"]),
            operation=Operation(item["operation"]),
            address=ResourceAddress.parse(_text(item["address"])),
            instance=_text(item["instance"]),
            region=_text(item["region"]),
        )
    except (LookupError, TypeError, ValueError) as problem:
        raise StateError(
            f"the pushed state is damaged: unfinished step {number + 1} makes no sense ({problem})"
        ) from None


def _list(data: Mapping[str, Any], name: str) -> Sequence[Any]:
    items: Any = data.get(name)
    if not is_list(items):
        raise StateError(f"the pushed state is damaged: it has no list of {name}")
    return items


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
