"""What a state store promises: rows, a journal, a lease, a history and sealed secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import SecretRef, Sensitive


class StateError(Exception):
    """The state cannot be used: unreadable, of a newer format, another key, a full disk. Told for a person."""


class LockHeld(StateError):
    """Somebody else holds the lease."""

    def __init__(self, holder: str, since: datetime, expires: datetime) -> None:
        super().__init__(
            f"the state is locked by {holder} since {since.isoformat(timespec='seconds')}; "
            f"unless its holder renews it, it expires by itself at {expires.isoformat(timespec='seconds')}"
        )
        self.holder = holder
        self.since = since
        self.expires = expires


class LeaseLost(StateError):
    """Our lease expired and was taken over: nothing may be written with it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write one scope until `expires`. `fence` grows with every holder."""

    scope: Scope
    holder: str
    fence: int
    acquired: datetime
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Journaled durably before a step begins; removed by its result. What is left is a crash's trace.

    `region` tells where to look for what the step may have made.
    """

    step_id: str
    operation: Operation
    address: ResourceAddress
    instance: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step's outcome, written in the same transaction as what it changed.

    `put` is the record to write, `remove` the one to delete; both None keep the records (a failure:
    `error` says why; the intent goes, except where `keep_intent` says that something may have been made).
    """

    step_id: str
    put: ResourceState | None = None
    remove: InstanceKey | None = None
    error: str | None = None
    keep_intent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A scope as the store has it. `serial` grows with every commit that changes a record."""

    lineage: str
    serial: int
    resources: Mapping[InstanceKey, ResourceState]
    intents: Sequence[Intent] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One apply or destroy, as `dpaas history` shows it. `outcome`: running, succeeded, failed, interrupted.

    `steps` is how many its plan had, `summary` how many of them succeeded, by operation. `under_way` are those that
    had begun and whose end is not recorded ("create addon.shop/DATABASE"): of a killed command nobody knows it.
    """

    id: str
    started_at: str
    finished_at: str | None
    actor: str
    command: str
    outcome: str
    plan_digest: str
    summary: Mapping[str, int]
    failures: Sequence[str] = ()
    steps: int = 0
    under_way: Sequence[str] = ()

    @property
    def untouched(self) -> int:
        """Steps that had not begun: the command was ended, or what they wait for failed."""
        return max(0, self.steps - sum(self.summary.values()) - len(self.failures) - len(self.under_way))


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunText:
    """The plan of the command whose history entry has the id `entry`, as text, kept until that has ended well."""

    entry: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A rollback that stands until the app's source changes: the app stays at what release `version` was.

    `source` is the digest of the source that was rolled back from; `since` is ISO 8601, `by` a person.
    """

    app: str
    version: int
    source: str
    since: str
    by: str


class StateStore(Protocol):
    """Durable rows of one platform, all scopes. Every method raises StateError."""

    def snapshot(self, scope: Scope) -> Snapshot: ...

    def acquire(self, scope: Scope, holder: str, ttl_s: float) -> Lease:
        """Takes the lease or raises LockHeld; an expired lease is taken over with a higher fence."""
        ...

    def lease(self, scope: Scope) -> Lease | None:
        """The lease that stands now, whoever holds it; None when it is free. Takes and writes nothing."""
        ...

    def renew(self, lease: Lease, ttl_s: float) -> Lease:
        """Raises LeaseLost when it was taken over."""
        ...

    def release(self, lease: Lease) -> None: ...

    def expire(self, scope: Scope, holder: str) -> None:
        """Ends the lease of a holder that is known to be dead; a no-op when somebody else holds it by now."""
        ...

    def commit(
        self,
        lease: Lease,
        *,
        results: Sequence[StepResult] = (),
        intents: Sequence[Intent] = (),
        at_least: int = 0,
        entry: HistoryEntry | None = None,
    ) -> int:
        """One durable transaction; checks the fence; returns the new serial, `at_least` this. Raises LeaseLost.

        `entry` is the history's word on the command so far, written with what it tells of.
        """
        ...

    def record(self, scope: Scope, entry: HistoryEntry) -> None:
        """Inserts or replaces the history entry with this id."""
        ...

    def begin(self, lease: Lease, entry: HistoryEntry, plan: str) -> None:
        """Records the entry and keeps its plan in the place of any other's, in one transaction. Raises LeaseLost."""
        ...

    def begun(self, scope: Scope) -> BegunText | None:
        """The plan that is kept: of the last command that began and has not ended well."""
        ...

    def forget_begun(self, scope: Scope, entry: str) -> None:
        """Ends what `begin` keeps for this entry; a no-op when another has begun since."""
        ...

    def history(self, scope: Scope) -> Sequence[HistoryEntry]:
        """Newest first."""
        ...

    def holds(self, scope: Scope) -> Sequence[Hold]: ...

    def set_hold(self, lease: Lease, hold: Hold) -> None:
        """Inserts or replaces the app's hold. Raises LeaseLost."""
        ...

    def end_hold(self, lease: Lease, app: str) -> None:
        """A no-op when there is none. Raises LeaseLost."""
        ...

    def scopes(self) -> Sequence[Scope]: ...

    def close(self) -> None: ...


class SecretStore(Protocol):
    """Encrypted, versioned values. Every method raises StateError."""

    def put(self, name: str, value: Sensitive) -> SecretRef:
        """Stores a new version, or answers the current one when the value is the same."""
        ...

    def current(self, name: str) -> SecretRef | None: ...

    def get(self, ref: SecretRef) -> Sensitive:
        """The value with its ref. Raises StateError when that version is not there."""
        ...

    def names(self) -> Sequence[str]: ...

    def refs(self) -> Mapping[str, SecretRef]:
        """The current version of every secret, by name: one read, however many."""
        ...

    def stored_at(self) -> Mapping[str, datetime]:
        """When the current version of every secret was stored, by name: to the second, by the clock of who did it."""
        ...

    def reseal(self) -> int:
        """Seals every version of every secret with the newest key, all or none; how many there are.

        Digests stay: they tell equal values whichever key sealed them.
        """
        ...

    def remove(self, name: str) -> bool:
        """Removes every version; whether there was one."""
        ...
