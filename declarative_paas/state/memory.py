"""A store without a file, for tests of what uses one: the same promises, for as long as the process lives."""

from __future__ import annotations

import secrets as randomness
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from declarative_paas.core.address import Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.state import BegunText, HistoryEntry, Hold, Intent, Lease, Snapshot, StateError, StepResult
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.state.lease import RELEASED, check_ours, granted, standing
from declarative_paas.state.rows import record_body, records_of
from declarative_paas.state.secrets import not_stored, wrong_key
from declarative_paas.vault.keyring import Keyring, VaultError


@dataclass(slots=True)
class _ScopeRows:
    """`lease` is the last one there was. Records are kept as JSON: a value that cannot be stored fails here too."""

    serial: int = 0
    lease: Lease | None = None
    bodies: dict[InstanceKey, str] = field(default_factory=dict[InstanceKey, str])
    intents: dict[str, Intent] = field(default_factory=dict[str, Intent])
    history: dict[str, HistoryEntry] = field(default_factory=dict[str, HistoryEntry])
    holds: dict[str, Hold] = field(default_factory=dict[str, Hold])
    begun: BegunText | None = None

    def write(self, result: StepResult, body: str | None) -> bool:
        """Writes one step's outcome; whether a record changed."""
        changed = False
        if not result.keep_intent:
            self.intents.pop(result.step_id, None)
        if result.remove is not None:
            changed |= self.bodies.pop(result.remove, None) is not None
        if result.put is not None and body is not None and self.bodies.get(result.put.key) != body:
            self.bodies[result.put.key] = body
            changed = True
        return changed


@dataclass(slots=True)
class MemoryState:
    """What stands for the file: stores that are opened on one share it. `lineage` is "" until the first write."""

    lineage: str = ""
    key_id: str | None = None
    scopes: dict[Scope, _ScopeRows] = field(default_factory=dict[Scope, _ScopeRows])
    secrets: dict[str, list[tuple[SecretRef, Sensitive]]] = field(
        default_factory=dict[str, list[tuple[SecretRef, Sensitive]]]
    )
    stored_at: dict[str, datetime] = field(default_factory=dict[str, datetime])
    lock: threading.RLock = field(default_factory=threading.RLock)


def _new_lineage() -> str:
    return randomness.token_hex(8)


class MemoryStore:
    """`StateStore` and `SecretStore`. For any number of threads; nothing outlives the process."""

    def __init__(
        self,
        state: MemoryState,
        *,
        clock: Clock,
        keyring: Callable[[], Keyring],
        new_lineage: Callable[[], str] = _new_lineage,
    ) -> None:
        self._state = state
        self._clock = clock
        self._make_keyring = keyring
        self._new_lineage = new_lineage

    def snapshot(self, scope: Scope) -> Snapshot:
        with self._state.lock:
            rows = self._state.scopes.get(scope, _ScopeRows())
            return Snapshot(
                lineage=self._state.lineage,
                serial=rows.serial,
                resources=records_of(rows.bodies.values()),
                intents=tuple(sorted(rows.intents.values(), key=lambda intent: intent.step_id)),
            )

    def acquire(self, scope: Scope, holder: str, ttl_s: float) -> Lease:
        with self._state.lock:
            rows = self._rows(scope)
            rows.lease = granted(rows.lease, scope, holder, now=self._clock.now(), ttl_s=ttl_s)
            return rows.lease

    def lease(self, scope: Scope) -> Lease | None:
        with self._state.lock:
            return standing(self._state.scopes.get(scope, _ScopeRows()).lease, now=self._clock.now())

    def renew(self, lease: Lease, ttl_s: float) -> Lease:
        with self._state.lock:
            rows = self._ours(lease)
            rows.lease = replace(lease, expires=self._clock.now() + timedelta(seconds=ttl_s))
            return rows.lease

    def release(self, lease: Lease) -> None:
        with self._state.lock:
            rows = self._rows(lease.scope)
            if rows.lease is not None and (rows.lease.fence, rows.lease.holder) == (lease.fence, lease.holder):
                rows.lease = replace(rows.lease, expires=RELEASED)

    def expire(self, scope: Scope, holder: str) -> None:
        with self._state.lock:
            rows = self._rows(scope)
            if rows.lease is not None and rows.lease.holder == holder:
                rows.lease = replace(rows.lease, expires=RELEASED)

    def commit(
        self,
        lease: Lease,
        *,
        results: Sequence[StepResult] = (),
        intents: Sequence[Intent] = (),
        at_least: int = 0,
        entry: HistoryEntry | None = None,
    ) -> int:
        # What can fail comes before the first write: a commit is whole or not at all.
        bodies = [None if result.put is None else record_body(result.put) for result in results]
        with self._state.lock:
            rows = self._ours(lease)
            changes = [rows.write(result, body) for result, body in zip(results, bodies, strict=True)]
            rows.intents.update({intent.step_id: intent for intent in intents})
            rows.serial = max(rows.serial + any(changes), at_least)
            if entry is not None:
                rows.history[entry.id] = entry
            return rows.serial

    def record(self, scope: Scope, entry: HistoryEntry) -> None:
        with self._state.lock:
            self._rows(scope).history[entry.id] = entry

    def begin(self, lease: Lease, entry: HistoryEntry, plan: str) -> None:
        with self._state.lock:
            rows = self._ours(lease)
            rows.history[entry.id] = entry
            rows.begun = BegunText(entry=entry.id, text=plan)

    def begun(self, scope: Scope) -> BegunText | None:
        with self._state.lock:
            return self._state.scopes.get(scope, _ScopeRows()).begun

    def forget_begun(self, scope: Scope, entry: str) -> None:
        with self._state.lock:
            rows = self._rows(scope)
            if rows.begun is not None and rows.begun.entry == entry:
                rows.begun = None

    def history(self, scope: Scope) -> Sequence[HistoryEntry]:
        with self._state.lock:
            return list(reversed(self._state.scopes.get(scope, _ScopeRows()).history.values()))

    def holds(self, scope: Scope) -> Sequence[Hold]:
        with self._state.lock:
            holds = self._state.scopes.get(scope, _ScopeRows()).holds
            return [holds[app] for app in sorted(holds)]

    def set_hold(self, lease: Lease, hold: Hold) -> None:
        with self._state.lock:
            self._ours(lease).holds[hold.app] = hold

    def end_hold(self, lease: Lease, app: str) -> None:
        with self._state.lock:
            self._ours(lease).holds.pop(app, None)

    def scopes(self) -> Sequence[Scope]:
        with self._state.lock:
            return sorted(scope for scope, rows in self._state.scopes.items() if rows.lease is not None)

    def close(self) -> None:
        """Nothing to close: what was written stays in its `MemoryState`."""

    def put(self, name: str, value: Sensitive) -> SecretRef:
        key = self._key()
        try:
            digest = key.digest(value.reveal())
        except VaultError as problem:
            raise StateError(f"secret {name}: {problem}") from None
        with self._state.lock:
            self._begin()
            self._check_key(key)
            self._state.key_id = key.id
            versions = self._state.secrets.setdefault(name, [])
            if not versions or versions[-1][0].digest != digest:
                versions.append((SecretRef(name, len(versions) + 1, digest), value))
                self._state.stored_at[name] = self._clock.now()
            return versions[-1][0]

    def current(self, name: str) -> SecretRef | None:
        with self._state.lock:
            versions = self._state.secrets.get(name)
            return versions[-1][0] if versions else None

    def get(self, ref: SecretRef) -> Sensitive:
        with self._state.lock:
            if self._state.key_id is not None:
                self._check_key(self._key())
            for stored, value in self._state.secrets.get(ref.name, ()):
                if stored.version == ref.version and ref.digest in ("", stored.digest):
                    return Sensitive(value.reveal(), ref)
        raise not_stored(ref)

    def stored_at(self) -> Mapping[str, datetime]:
        with self._state.lock:
            return {name: self._state.stored_at[name] for name in sorted(self._state.secrets)}

    def names(self) -> Sequence[str]:
        with self._state.lock:
            return sorted(self._state.secrets)

    def refs(self) -> Mapping[str, SecretRef]:
        with self._state.lock:
            return {name: versions[-1][0] for name, versions in sorted(self._state.secrets.items()) if versions}

    def reseal(self) -> int:
        key = self._key()
        with self._state.lock:
            self._check_key(key)
            if self._state.key_id is not None:
                self._state.key_id = key.id
            return sum(map(len, self._state.secrets.values()))

    def remove(self, name: str) -> bool:
        with self._state.lock:
            return self._state.secrets.pop(name, None) is not None

    def _rows(self, scope: Scope) -> _ScopeRows:
        """The scope's rows, made when there are none: the first write."""
        self._begin()
        return self._state.scopes.setdefault(scope, _ScopeRows())

    def _ours(self, lease: Lease) -> _ScopeRows:
        rows = self._rows(lease.scope)
        check_ours(rows.lease, lease)
        return rows

    def _begin(self) -> None:
        self._state.lineage = self._state.lineage or self._new_lineage()

    def _key(self) -> Keyring:
        try:
            return self._make_keyring()
        except VaultError as problem:
            raise StateError(str(problem)) from None

    def _check_key(self, key: Keyring) -> None:
        if self._state.key_id not in (None, *key.ids):
            raise wrong_key("the state in memory", str(self._state.key_id), key.id)
