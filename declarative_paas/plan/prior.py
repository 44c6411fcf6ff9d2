"""What stands before a change: a record and a reading folded into one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Absent, InstanceKey, Present, Reading, Unreachable
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Intent, Snapshot
from declarative_paas.core.values import Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """One instance as a plan sees it before any change.

    `record` is None for what an interrupted apply made and never recorded. `gone` means that it was
    read and is not there; `unreachable` that nothing may be concluded, so nothing is planned. `origin` is
    the address that it has until this plan renames it.
    """

    address: ResourceAddress
    instance: str
    region: str
    record: ResourceState | None
    attributes: Attributes
    outputs: Attributes
    problems: tuple[str, ...] = ()
    gone: bool = False
    unreachable: str | None = None
    origin: ResourceAddress | None = None

    @property
    def owned(self) -> Attributes:
        """The attributes we ourselves set: only these are ever ours to take away."""
        return self.attributes if self.record is None else self.record.attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """`current` one an address; `leftovers` are deposed instances, to be deleted; `retained` ones are kept of moves.

    `begun` names the instance of a create whose result was never recorded: it is tried again under the same
    name. `instances` are all ids that an address has, or may have. `published` are the apps that have a domain.
    """

    current: Mapping[ResourceAddress, Prior]
    leftovers: Sequence[Prior]
    begun: Mapping[ResourceAddress, Intent]
    instances: Mapping[ResourceAddress, Collection[str]]
    retained: Sequence[Prior] = ()
    published: Collection[str] = frozenset()


_NO_ORIGINS: Mapping[ResourceAddress, ResourceAddress] = {}


def gather(
    snapshot: Snapshot,
    readings: Mapping[InstanceKey, Reading],
    origins: Mapping[ResourceAddress, ResourceAddress] = _NO_ORIGINS,
) -> Priors:
    """Folds each record, and each intent without one, with its reading. `origins`: see `moving.Moved`."""
    current: dict[ResourceAddress, Prior] = {}
    leftovers: list[Prior] = []
    retained: list[Prior] = []
    begun: dict[ResourceAddress, Intent] = {}
    instances: dict[ResourceAddress, set[str]] = {}
    for key, record in snapshot.resources.items():
        prior = _fold(record, readings.get(key), origins.get(record.address))
        instances.setdefault(record.address, set()).add(record.instance)
        if record.status is InstanceStatus.CURRENT:
            current[record.address] = prior
        elif record.status is InstanceStatus.DEPOSED:
            leftovers.append(prior)
        else:
            retained.append(prior)
    for intent in snapshot.intents:
        key = (intent.address, intent.instance)
        if key in snapshot.resources:
            continue
        begun[intent.address] = intent
        instances.setdefault(intent.address, set()).add(intent.instance)
        reading = readings.get(key)
        if isinstance(reading, (Present, Unreachable)):
            prior = _unrecorded(intent, reading)
            if intent.address in current:
                leftovers.append(prior)
            else:
                current[intent.address] = prior
    return Priors(
        current=current,
        leftovers=leftovers,
        begun=begun,
        instances=instances,
        retained=retained,
        published={address.app for address in current if address.type == "domain"},
    )


def _fold(record: ResourceState, reading: Reading | None, origin: ResourceAddress | None) -> Prior:
    attributes, outputs = record.attributes, record.outputs
    problems: tuple[str, ...] = ()
    if isinstance(reading, Present):
        attributes = _with_read(attributes, reading.attributes)
        outputs = _with_read(outputs, reading.outputs)
        problems = reading.problems
    return Prior(
        address=record.address,
        instance=record.instance,
        region=record.region,
        record=record,
        attributes=attributes,
        outputs=outputs,
        problems=problems,
        gone=isinstance(reading, Absent),
        origin=origin,
        unreachable=reading.reason if isinstance(reading, Unreachable) else None,
    )


def _with_read(recorded: Attributes, read: Attributes) -> Attributes:
    """What is recorded, with what was read over it: the record's own where both agree, so that nobody looks again."""
    return recorded if read.items() <= recorded.items() else {**recorded, **read}


def _unrecorded(intent: Intent, reading: Present | Unreachable) -> Prior:
    present = reading if isinstance(reading, Present) else Present(remote_id="", attributes={})
    return Prior(
        address=intent.address,
        instance=intent.instance,
        region=intent.region,
        record=None,
        attributes=present.attributes,
        outputs=present.outputs,
        problems=present.problems,
        unreachable=reading.reason if isinstance(reading, Unreachable) else None,
    )


def begun_only(snapshot: Snapshot, key: InstanceKey) -> bool:
    """Whether an instance was begun to be made in the place of a recorded one, and never recorded itself: then nothing
    has used it, and it holds nothing of anybody's. What was begun to be renamed is another matter."""
    begun = any(
        (intent.address, intent.instance) == key and intent.operation is Operation.CREATE for intent in snapshot.intents
    )
    return begun and key not in snapshot.resources and any(address == key[0] for address, _ in snapshot.resources)
