"""What a service must offer for an add-on to follow another one: a verified copy, then every change, as it happens.

A follower is fed by its source's server and takes no writes of its app's until it is promoted. Between the two
stands what the follower's server can dial (`Endpoint`); what it needs to be let in is a `FollowAccess`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol, runtime_checkable

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity, CopyResult
from declarative_paas.core.data import DataPort, DataSide, Snapshot
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.values import Sensitive

MADE_ANEW: Final = "`dpaas apply` makes its copy anew; until that is done its app finds no data"
"""What becomes of a broken follower, for the end of what is said of it: it holds nothing of its own to be lost."""

FollowIdentity = CopyIdentity
"""Who follows whom, by the stable ids of both instances; the first copy has the same identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the follower's server dials its source: an address and a port as they are beside the follower's server."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowAccess:
    """What a source lets one follower in with, and only to its own database.

    `role` may log in, stream, and read no table. `slot` is where the source keeps what the follower has not taken
    yet; `publication` what it is told of.
    """

    database: str
    role: str
    password: Sensitive
    slot: str
    publication: str


class FollowState(Enum):
    """How a follower does."""

    STREAMING = "streaming"
    """Every change arrives as it is made."""
    CATCHING_UP = "catching up"
    """It receives, and is behind."""
    STOPPED = "stopped"
    """It receives nothing now, and goes on by itself once it can: a link or a server is down."""
    BROKEN = "broken"
    """It cannot go on: its copy has to be made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowStatus:
    """A follower as it is. `lag_bytes` are bytes of the source's log that it has not confirmed, `lag_s` about how
    long ago they were written; None where that is not known. `problem` says what is wrong and what to do.
    """

    state: FollowState
    lag_bytes: int | None = None
    lag_s: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowMark:
    """What a follower's data bears: whom it follows, or followed until it was promoted.

    `result` is the first copy's. Once promoted it may lack what was compared: the record of the follower has it.
    """

    identity: FollowIdentity
    promoted: bool
    result: CopyResult


class FollowSource(Protocol):
    """A source from the very point at which a follower's stream begins."""

    @property
    def snapshot(self) -> Snapshot:
        """The data as of that point. Its id names the slot, so that a copy tells which stream it belongs to."""
        ...

    def admit(self) -> FollowAccess:
        """From here on changes are kept until the follower has them, also after this context; and lets it in.

        Raises ProviderError when more was written meanwhile than a source keeps.
        """
        ...


@runtime_checkable
class FollowPort(DataPort, Protocol):
    """What a `DataPort` offers besides whose service has followers. Raises ProviderError, DataMissing.

    The first group are a source's. Nothing of a source's own data or tables is ever altered.
    """

    def follow_objections(self) -> Sequence[Diagnostic]:
        """Why it cannot be followed (errors), and what a follower will not have (warnings)."""
        ...

    def publish(self, identity: FollowIdentity) -> AbstractContextManager[FollowSource]:
        """Keeps changes for this follower while the context is open, and holds the data still as of the first of them.

        What an earlier try began is replaced, and nothing is left of a context that ends, however it ends, before
        `FollowSource.admit`; from then on it takes `unpublish`.
        """
        ...

    def resume(self, identity: FollowIdentity, result: CopyResult) -> FollowAccess | None:
        """A way in, with a new password, to the stream that this copy belongs to; None when it is kept no more."""
        ...

    def relieve(self, identity: FollowIdentity) -> None:
        """The follower has what was written during its first copy, for which more was kept than is otherwise."""
        ...

    def source_status(self, identity: FollowIdentity) -> FollowStatus | None:
        """The follower as its source sees it: it knows the lag. None when it keeps nothing for this follower."""
        ...

    def end_sessions(self) -> None:
        """Its app, which is stopped, has nothing under way there afterwards: what it sent last is written or is not."""
        ...

    def position(self) -> str:
        """Where its log is now."""
        ...

    def has_confirmed(self, identity: FollowIdentity, position: str) -> bool:
        """Whether the follower told it that all until `position` is durable there: it is never sent again."""
        ...

    def unstreamed(self) -> Any:
        """What a stream does not carry (where sequences stand) as it is now: for `promote` of the same service."""
        ...

    def shape(self) -> Mapping[str, str]:
        """Its tables, by name, with their columns in words: what must be alike on both sides. Also a target's."""
        ...

    def frozen(self) -> AbstractContextManager[Snapshot]:
        """A snapshot of what is streamed, for comparing both sides of a promotion. Also a target's."""
        ...

    def unpublish(self, identity: FollowIdentity) -> None:
        """Forgets the follower: nothing of it is left. Idempotent."""
        ...

    # As a target

    def subscribe(self, identity: FollowIdentity, source: FollowAccess, endpoint: Endpoint, result: CopyResult) -> None:
        """Begins to follow, after a verified copy; from here on the app may only read. All of it or nothing."""
        ...

    def follow_mark(self) -> FollowMark | None:
        """Whom this data follows, or followed until its promotion; None when it never did, or was cut."""
        ...

    def follow_status(self, identity: FollowIdentity) -> FollowStatus | None:
        """The follower as its own server sees it; None when it does not follow."""
        ...

    def redial(self, identity: FollowIdentity, source: FollowAccess, endpoint: Endpoint) -> None:
        """Goes on following with another way in, or by another way; a no-op when it does not follow."""
        ...

    def caught_up(self, position: str) -> bool:
        """Whether everything up to this position of the source's log is here."""
        ...

    def promote(self, identity: FollowIdentity, unstreamed: Callable[[], Any] | None) -> Sequence[str]:
        """Ends following and lets the app write; what to know about it, in words. All of it or nothing; idempotent.

        `unstreamed` asks the source once nothing arrives any more. It is None for a source that does not answer:
        what is not streamed is then made from what is here.
        """
        ...

    def cut(self, identity: FollowIdentity, *, anew: bool = False) -> None:
        """Ends following, whatever the source does, and the app may write; a no-op for what does not follow.

        With `anew` the data is left as that of a copy that was begun and not finished: the next one begins afresh.
        """
        ...


@runtime_checkable
class FollowHolder(Protocol):
    """What a provider also offers whose add-ons may be down: its followers are read, and reading starts nothing."""

    def standing_side(self, scope: Scope, addon: ResourceAddress) -> DataSide | None:
        """As `DataHolder.data_side`; None for one that does not run, or is not there."""
        ...
