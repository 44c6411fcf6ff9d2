"""The memory platform itself: what exists, what was done to it, and the faults it was told to have.

Plain JSON in and out, so that a world can live in a process of its own and outlive a killed apply.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from declarative_paas.core.resource_type import RESOURCE_TYPES


class WorldFault(Exception):
    """An injected failure; `kind` is an ErrorKind's value."""

    def __init__(self, kind: str, summary: str) -> None:
        super().__init__(summary)
        self.kind = kind
        self.summary = summary


@dataclass(slots=True)
class Slot:
    """What one follower is to get: the rows that it has not, and where it is once it follows."""

    waiting: dict[str, str] = field(default_factory=dict[str, str])
    target: tuple[str, str, str] | None = None


@dataclass(slots=True)
class Thing:
    """One living instance. `key` is the idempotency key of what was last done to it; an add-on holds `rows` of data,
    and a `mark` while they are a copy on its way. `slots` are what it keeps for those that follow it, `follow` tells
    whom it follows, or followed until it was promoted."""

    attributes: dict[str, Any]
    outputs: dict[str, Any]
    problems: list[str] = field(default_factory=list[str])
    key: str = ""
    updates: int = 0
    rows: dict[str, str] = field(default_factory=dict[str, str])
    mark: dict[str, Any] | None = None
    slots: dict[str, Slot] = field(default_factory=dict[str, Slot])
    follow: dict[str, Any] | None = None

    @property
    def is_following(self) -> bool:
        return self.follow is not None and not self.follow["promoted"]


_NUMBERS = itertools.count(1)
_WORLDS: weakref.WeakValueDictionary[str, MemoryWorld] = weakref.WeakValueDictionary()
"""The worlds of this process: what follows another one finds it here."""


class MemoryWorld:
    """Thread-safe. Keys are `(scope, address, instance)` as one string each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: dict[tuple[str, str, str], Thing] = {}
        self._faults: dict[str, list[tuple[str, str, int]]] = {}
        self._unreachable = ""
        self.effects = 0
        self.name = f"world-{next(_NUMBERS)}"
        _WORLDS[self.name] = self

    def put(self, scope: str, address: str, instance: str, key: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Makes or changes an instance; asked the last thing once more, it only answers. Returns its outputs."""
        with self._lock:
            self._raise_fault(address)
            thing = self._things.get((scope, address, instance))
            if thing is None:
                thing = Thing(attributes={}, outputs={})
                self._things[(scope, address, instance)] = thing
            elif key == thing.key and not thing.problems and thing.attributes == attributes:
                return thing.outputs
            else:
                thing.updates += 1
            self.effects += 1
            thing.key = key
            thing.problems.clear()
            thing.attributes = dict(attributes)
            thing.outputs = _outputs(address, instance, thing)
            return thing.outputs

    def remove(self, scope: str, address: str, instance: str) -> None:
        """Idempotent."""
        with self._lock:
            self._raise_fault(address)
            if self._things.pop((scope, address, instance), None) is not None:
                self.effects += 1

    def rename(self, scope: str, address: str, instance: str, new: str) -> None:
        """Gives an instance another address, and keeps all else of it; a no-op when it has it already."""
        with self._lock:
            self._raise_fault(new)
            thing = self._things.pop((scope, address, instance), None)
            if thing is not None:
                self._things[(scope, new, instance)] = thing
                self.effects += 1
            elif (scope, new, instance) not in self._things:
                raise WorldFault("invalid", f"there is no {address} to rename")

    def read(self, scope: str) -> dict[str, dict[str, Any]]:
        """Everything of one scope in one call, by `address#instance`. Raises WorldFault when unreachable."""
        with self._lock:
            if self._unreachable:
                raise WorldFault("unavailable", self._unreachable)
            return {
                f"{address}#{instance}": {
                    "attributes": thing.attributes,
                    "outputs": thing.outputs,
                    "problems": list(thing.problems),
                }
                for (owner, address, instance), thing in self._things.items()
                if owner == scope
            }

    def everything(self) -> list[dict[str, Any]]:
        """What there is, of all scopes. Raises WorldFault when unreachable."""
        with self._lock:
            if self._unreachable:
                raise WorldFault("unavailable", self._unreachable)
            return [
                {
                    "scope": scope,
                    "address": address,
                    "instance": instance,
                    "attributes": thing.attributes,
                    "outputs": thing.outputs,
                }
                for (scope, address, instance), thing in self._things.items()
            ]

    def rescope(self, things: Sequence[tuple[str, str, str]], scope: str) -> None:
        """Makes things, each a `(scope, address, instance)`, another scope's; all or none. Idempotent."""
        with self._lock:
            if self._unreachable:
                raise WorldFault("unavailable", self._unreachable)
            moves = {(owner, address, name): (scope, address, name) for owner, address, name in things}
            missing = [old for old, new in moves.items() if old not in self._things and new not in self._things]
            if missing:
                raise WorldFault("invalid", f"there is no {missing[0][1]} of {missing[0][0]}")
            for old, new in moves.items():
                thing = self._things.pop(old, None)
                if thing is not None:
                    self._things[new] = thing
                    self.effects += 1

    def data(self, scope: str, address: str) -> dict[str, Any]:
        """The `rows` of an add-on, the `mark` that a copy left, and whom it follows. Raises WorldFault when it is not
        there."""
        with self._lock:
            thing = self._holder(scope, address)
            return {"rows": dict(thing.rows), "mark": thing.mark, "follow": thing.follow}

    def write_row(self, scope: str, address: str, name: str, text: str) -> None:
        """Raises WorldFault also for an add-on that follows another."""
        with self._lock:
            thing = self._holder(scope, address)
            if thing.is_following:
                raise WorldFault("invalid", f"{address} follows another add-on: it can only be read")
            thing.rows[name] = text
            for slot in thing.slots.values():
                slot.waiting[name] = text
            self.effects += 1
        self._stream(thing)

    def publish(self, scope: str, address: str, slot: str) -> list[str]:
        """Keeps what is written from now on for one follower; returns what it follows by."""
        with self._lock:
            self._holder(scope, address).slots[slot] = Slot()
            self.effects += 1
            return [self.name, scope, address, slot]

    def keeps(self, scope: str, address: str, slot: str) -> list[str] | None:
        """What `publish` returned, as long as something is kept for that follower."""
        with self._lock:
            return [self.name, scope, address, slot] if slot in self._holder(scope, address).slots else None

    def unpublish(self, scope: str, address: str, slot: str) -> None:
        """Idempotent."""
        with self._lock:
            self._holder(scope, address).slots.pop(slot, None)
            self.effects += 1

    def follow(self, scope: str, address: str, follow: Mapping[str, Any]) -> None:
        """`follow`: whom (`leader`, as `publish` returned it), and what else its reader wants to know again."""
        leader, theirs, their_address, slot = follow["leader"]
        world = _WORLDS.get(leader)
        if world is None:
            raise WorldFault("invalid", f"{their_address} is in a world of another process, which cannot be followed")
        with self._lock:
            thing = self._holder(scope, address)
            thing.follow, thing.mark = dict(follow), None
            self.effects += 1
        world.attach(theirs, their_address, slot, (self.name, scope, address))

    def attach(self, scope: str, address: str, slot: str, target: tuple[str, str, str]) -> None:
        """What is kept in a slot goes to its follower from now on."""
        with self._lock:
            thing = self._holder(scope, address)
            if slot not in thing.slots:
                raise WorldFault("invalid", f"{address} keeps nothing for {target[2]}")
            thing.slots[slot].target = target
        self._stream(thing)

    def end_follow(self, scope: str, address: str, *, promoted: bool) -> None:
        """Takes writes of its own from now on; a no-op for what does not follow."""
        with self._lock:
            thing = self._holder(scope, address)
            if thing.follow is not None and thing.is_following:
                thing.follow = {**thing.follow, "promoted": True} if promoted else None
                self.effects += 1

    def leader_keeps(self, scope: str, address: str) -> bool | None:
        """Whether the source of a follower still keeps what it has not got; None when it does not answer."""
        with self._lock:
            follow = self._holder(scope, address).follow
        leader, theirs, their_address, slot = follow["leader"] if follow is not None else ("", "", "", "")
        world = _WORLDS.get(leader)
        try:
            return None if world is None else world.keeps(theirs, their_address, slot) is not None
        except WorldFault:
            return None

    def replicate(self, scope: str, address: str, rows: Mapping[str, str]) -> None:
        """What was written to the source of a follower."""
        with self._lock:
            thing = self._holder(scope, address)
            if thing.is_following:
                thing.rows.update(rows)

    def _stream(self, thing: Thing) -> None:
        """Gives each follower what waits for it; a world that does not answer gets it with the next row."""
        for slot in list(thing.slots.values()):
            world = None if slot.target is None else _WORLDS.get(slot.target[0])
            if world is None or slot.target is None:
                continue
            try:
                world.replicate(*slot.target[1:], dict(slot.waiting))
            except WorldFault:
                continue
            slot.waiting.clear()

    def mark_copy(self, scope: str, address: str, mark: Mapping[str, Any] | None) -> None:
        with self._lock:
            self._holder(scope, address).mark = None if mark is None else dict(mark)
            self.effects += 1

    def empty(self, scope: str, address: str) -> None:
        """A fresh database: neither rows nor mark."""
        with self._lock:
            thing = self._holder(scope, address)
            thing.rows, thing.mark = {}, None
            self.effects += 1

    def damage(self, address: str, problem: str = "", attributes: Mapping[str, Any] | None = None) -> None:
        """Breaks or changes every instance at an address behind the engine's back."""
        with self._lock:
            for (_, name, _), thing in self._things.items():
                if name == address:
                    if problem:
                        thing.problems.append(problem)
                    thing.attributes.update(attributes or {})

    def lose(self, address: str) -> None:
        """Deletes every instance at an address behind the engine's back."""
        with self._lock:
            for key in [key for key in self._things if key[1] == address]:
                del self._things[key]

    def fail_on(self, address: str, kind: str = "failed", summary: str = "injected", times: int = 1) -> None:
        """The next `times` operations on the address fail (kind: an ErrorKind's value)."""
        with self._lock:
            self._faults.setdefault(address, []).append((kind, summary, times))

    def set_unreachable(self, reason: str) -> None:
        """Every read and operation fails until called again with an empty reason."""
        with self._lock:
            self._unreachable = reason

    def audit(self) -> dict[str, Any]:
        """What is there, told by the world and not by the state: for finding orphans and duplicates."""
        with self._lock:
            instances: dict[str, list[str]] = {}
            for scope, address, instance in self._things:
                instances.setdefault(f"{scope} {address}", []).append(instance)
            return {
                "things": len(self._things),
                "effects": self.effects,
                "duplicates": sorted(name for name, found in instances.items() if len(found) > 1),
                "addresses": sorted(instances),
            }

    def _holder(self, scope: str, address: str) -> Thing:
        """The newest instance at an address."""
        if self._unreachable:
            raise WorldFault("unavailable", self._unreachable)
        for (owner, name, _), thing in reversed(self._things.items()):
            if (owner, name) == (scope, address):
                return thing
        raise WorldFault("invalid", f"there is no {address}")

    def _raise_fault(self, address: str) -> None:
        if self._unreachable:
            raise WorldFault("unavailable", self._unreachable)
        waiting = self._faults.get(address)
        if not waiting:
            return
        kind, summary, times = waiting.pop(0)
        if times > 1:
            waiting.insert(0, (kind, summary, times - 1))
        raise WorldFault(kind, summary)


def _outputs(address: str, instance: str, thing: Thing) -> dict[str, Any]:
    """What each type answers: the same names as every provider's, see docs/providers.md."""
    kind, _, rest = address.partition(".")
    previous = thing.outputs
    match RESOURCE_TYPES[kind].name:
        case "app":
            url = f"http://{rest}.memory.example"
            return {"id": instance, "name": rest, "url": url, "web_url": url, "host": f"{rest}.memory.example"}
        case "addon" if previous:
            return previous  # also under another name: where the data is does not change
        case "addon":
            return {
                "id": instance,
                "url": {"$sensitive": f"memory://{rest.replace('/', '-')}:{_digest(instance)}@memory.example/{rest}"},
            }
        case "release":
            return {"version": int(previous.get("version", 0)) + 1}
        case "slug":
            return {"id": _digest(thing.attributes)}
        case "config" | "attachment":
            return {"revision": _digest(thing.attributes)}
        case "domain":
            return {"id": instance, "url": f"http://{address.partition('/')[2]}"}
        case _:
            return {"id": instance}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
