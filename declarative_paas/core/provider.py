"""What a platform must offer to be planned and applied on: the `Provider` protocol and its values.

One provider object serves one region. ADR 0001 maps each method to the calls it becomes on local
processes, Docker, Swarm and Heroku.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, BinaryIO, Protocol, TypeAlias, runtime_checkable

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.values import Attributes, Sensitive

InstanceKey: TypeAlias = tuple[ResourceAddress, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the executor must respect, and what the contract suite may skip for this provider.

    `renames`: a thing can get another address (Operation.RENAME) and keep its instance, its outputs and its data.
    `calls_per_minute`: how many `begin` and `poll` the platform takes; None when it does not count them.
    `far_addons`: dynos here reach add-ons of other regions, and those of other regions ours.
    """

    parallelism: int = 10
    calls_per_minute: int | None = None
    renames: bool = False
    far_addons: bool = True
    declined: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Read and there. `attributes` are the managed ones as they are; secrets as `SecretRef`.

    `problems` name what is broken although the thing exists ("web.2 is crashed: exit status 137"):
    each is drift, and an update is planned to repair it.
    """

    remote_id: str
    attributes: Attributes
    outputs: Attributes = field(default_factory=dict[str, Any])
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """Read and not there. Only this plans a create."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Not read: nothing may be concluded."""

    reason: str


Reading: TypeAlias = Present | Absent | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuery:
    """Everything of one scope in one region, in a constant number of calls.

    `pending` are instances whose create was begun and whose result was never recorded: a provider
    finds them by their key, so that a crash orphans nothing.
    """

    scope: Scope
    known: Sequence[ResourceState]
    pending: Sequence[InstanceKey] = ()


class ErrorKind(Enum):
    """What can be done about an error: only a transient one is tried again."""

    TRANSIENT = "transient"  # worth trying again
    CONFLICT = "conflict"  # somebody else's thing has the name, the port, the lock
    INVALID = "invalid"  # the platform refuses what was asked
    FAILED = "failed"  # it was tried and did not work: a build, a release phase, a boot
    UNAVAILABLE = "unavailable"  # the region cannot be reached
    CANCELLED = "cancelled"


class ProviderError(Exception):
    """A step that did not succeed, told for a person: never a secret in it.

    `code` is the platform's own code where there is one (R10, H14); `detail` holds the last lines
    of output that explain it.
    """

    def __init__(self, kind: ErrorKind, summary: str, *, code: str | None = None, detail: Sequence[str] = ()) -> None:
        super().__init__(summary)
        self.kind = kind
        self.summary = summary
        self.code = code
        self.detail = tuple(detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """One step with every reference resolved and every secret opened (`Sensitive`).

    `key` is the idempotency key: the same for every try of this step, also after a crash. `prior` is
    what the state records. `siblings` are other instances of the same address that the state knows: the one
    that this one replaces, while both are there. Any other is a stranger.
    """

    scope: Scope
    step_id: str
    key: str
    operation: Operation
    address: ResourceAddress
    instance: str
    attributes: Attributes
    prior: ResourceState | None = None
    changed: frozenset[str] = frozenset()
    siblings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """The executor's side of a running step: progress out, cancellation in."""

    report: Callable[[str], None]
    cancelled: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The step's result. Outputs may be `Sensitive`: the executor stores those and records a ref."""

    remote_id: str
    outputs: Attributes = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Begun and still going: ask again with `poll` in `retry_in_s` seconds. `token` survives a restart."""

    token: str
    retry_in_s: float = 1.0


class Provider(Protocol):
    """One region of a platform. Methods other than `validate` may block and may be called from several threads.

    `begin` and `poll` are idempotent by the request's key and raise ProviderError.
    """

    def capabilities(self) -> Capabilities: ...

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        """At plan time, offline: what this platform cannot do, or does otherwise, with positions."""
        ...

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        """One answer for every known and pending instance; never raises for an unreachable region."""
        ...

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending: ...

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """One thing that a region holds, as its platform tells it, whatever any state records.

    `attributes` and `outputs` are as a reading has them; an output that is a secret is there too, as
    `Sensitive`. `secrets` are the values that the refs in `attributes` stand for, by the ref's name, as far
    as the platform can tell them.
    """

    scope: Scope
    address: ResourceAddress
    instance: str
    remote_id: str
    attributes: Attributes
    outputs: Attributes = field(default_factory=dict[str, Any])
    secrets: Mapping[str, Sensitive] = field(default_factory=dict[str, Sensitive])

    @property
    def key(self) -> InstanceKey:
        return (self.address, self.instance)


@runtime_checkable
class Importable(Protocol):
    """What a provider also offers whose region can be asked what it holds: things are then taken over by import.

    Both methods raise ProviderError, also for a region that cannot be reached.
    """

    def discover(self) -> Sequence[Discovered]:
        """Everything the region holds, of every scope, in a constant number of calls; changes nothing."""
        ...

    def adopt(self, things: Sequence[Discovered], scope: Scope) -> None:
        """Makes things of other scopes this scope's; nothing about them changes or restarts. Again, it does nothing.

        All or none. Raises ProviderError (INVALID) where a thing cannot be another scope's.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoView:
    """A dyno as `dpaas ps` shows it. `since` is ISO 8601, `memory_mb` the last sample."""

    name: str
    type: str
    size: str
    state: str
    release: int
    since: str | None = None
    command: str = ""
    memory_mb: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """A release as `dpaas releases` shows it: numbered from 1, `current` serves now."""

    version: int
    status: str
    created_at: str
    description: str
    slug: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something that a region holds and no app needs any more. `size_bytes` is 0 where it is not known."""

    kind: str
    name: str
    why: str
    size_bytes: int = 0


class Reach(Protocol):
    """How operations reach what runs in a region. Raises ProviderError (kind INVALID) for an unknown app."""

    def dynos(self, app: str) -> Sequence[DynoView]: ...

    def releases(self, app: str) -> Sequence[ReleaseView]: ...

    def logs(self, app: str, *, tail: int, follow: bool) -> Iterable[str]:
        """Heroku-format lines, oldest first; with `follow` it blocks for more until closed."""
        ...

    def config(self, app: str) -> Mapping[str, str]:
        """The current release's environment, in clear: only for the person who asked for it."""
        ...

    def run(self, app: str, command: Sequence[str], *, size: str | None = None) -> int:
        """A one-off dyno on the caller's terminal; returns its exit code."""
        ...

    def psql(self, app: str, alias: str, arguments: Sequence[str]) -> int:
        """An SQL shell on the add-on's database on the caller's terminal; returns its exit code."""
        ...

    def dump(self, app: str, alias: str, into: BinaryIO) -> None:
        """Writes a consistent snapshot of a PostgreSQL add-on to a file: pg_dump's custom format."""
        ...

    def dump_contents(self, app: str, alias: str, file: BinaryIO) -> Sequence[str]:
        """The entries of a dump, as the add-on's own pg_restore reads them; FAILED when it is damaged."""
        ...

    def tables(self, app: str, alias: str) -> int:
        """How many tables a PostgreSQL add-on holds: 0 when nothing would be lost with it."""
        ...

    def restore(self, app: str, alias: str, file: BinaryIO) -> None:
        """Replaces all that a PostgreSQL add-on holds by a dump's content, or leaves it as it is."""
        ...

    def url(self, app: str) -> str: ...

    def leftovers(self) -> Sequence[Leftover]:
        """What could go. Nobody may change the region meanwhile: what is half made looks left over."""
        ...

    def clear(self, leftovers: Sequence[Leftover]) -> Sequence[str]:
        """Removes them; what could not be removed, and why, does not keep the others."""
        ...

    def status(self) -> Mapping[str, str]:
        """The region's own programs (supervisor, router, servers) by name: what state each is in."""
        ...

    def stop(self) -> None:
        """Ends every process of the region and keeps all data; the next apply starts them again."""
        ...
