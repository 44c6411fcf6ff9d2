"""What is done to a follower: it is begun, goes on, and is promoted. Each is idempotent by what both servers know."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, TypeVar

from declarative_paas.core.clock import Clock
from declarative_paas.core.copy_result import CopyIdentity, CopyMark, CopyResult
from declarative_paas.core.data import CopyRefused, DataFacts, DataMissing, Intake, Snapshot
from declarative_paas.core.diagnostic import Diagnostic, has_errors
from declarative_paas.core.follow import Endpoint, FollowAccess, FollowMark, FollowPort, FollowState
from declarative_paas.core.provider import ErrorKind, ProviderError, StepContext
from declarative_paas.transfer.copy import CopyRequest, copy_data
from declarative_paas.transfer.follower_sides import FollowSide, difference, joined_status

STREAMS: Final = 4
"""At most so many parts of a first copy are on their way at once."""

PATIENCE_S: Final = 60.0
"""How long a follower may receive nothing before waiting for it is given up."""

FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 1.0
LOOK_EVERY_S: Final = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """One follower on its way. `dial` makes the way that its server takes, and tells where it begins."""

    identity: CopyIdentity
    source: FollowSide
    target: FollowSide
    dial: Callable[[], Endpoint]
    clock: Clock
    context: StepContext

    def begin(self) -> CopyResult:
        """It follows afterwards, and has all that was written until then. Raises ProviderError, CopyRefused."""
        mark = _if_there(self.target.port.follow_mark)
        if mark is not None and mark.identity != self.identity and not mark.promoted:
            raise ProviderError(ErrorKind.CONFLICT, f"the target follows {mark.identity.source_instance} already")
        ours = mark if mark is not None and mark.identity == self.identity else None
        if ours is not None and ours.promoted:
            return ours.result
        result = ours.result if ours is not None and self._goes_on(ours.result) else self._begun()
        catch_up(self.identity, self.source.port, self.target.port, clock=self.clock, context=self.context)
        self.source.port.relieve(self.identity)
        return result

    def _goes_on(self, result: CopyResult) -> bool:
        """Whether it follows, or does again now; else it has to be made anew."""
        status = joined_status(self.identity, self.source.port, self.target.port)
        if status is None or status.state is FollowState.BROKEN:
            self.context.report(f"its copy is made anew: {status.problem if status else 'it does not follow'}")
            return False
        if status.state is FollowState.STOPPED:
            access = self.source.port.resume(self.identity, result)
            if access is None:
                return False
            self.context.report("it dials its source anew")
            self.target.port.redial(self.identity, access, self.dial())
        return True

    def _begun(self) -> CopyResult:
        # It holds nothing of its own while it follows, so that nothing is lost with it.
        _if_there(lambda: self.target.port.cut(self.identity, anew=True))
        result, access = self._interrupted() or self._copied()
        self.context.report("copied; it begins to follow")
        self.target.port.subscribe(self.identity, access, self.dial(), result)
        return result

    def _interrupted(self) -> tuple[CopyResult, FollowAccess] | None:
        """A verified copy that was never subscribed; one whose stream is kept no more is of no use."""
        mark: CopyMark | None = _if_there(self.target.port.mark)
        if mark is None or mark.identity != self.identity or mark.result is None:
            return None
        access = self.source.port.resume(self.identity, mark.result)
        if access is None:
            self.target.fresh()
            return None
        return mark.result, access

    def _copied(self) -> tuple[CopyResult, FollowAccess]:
        found = self.source.port.follow_objections()
        if has_errors(found):
            raise CopyRefused([objection for objection in found if objection.is_error])
        for remark in found:
            self.context.report(remark.summary)
        self.dial()  # what has no way to its source is not copied first
        with self.source.port.publish(self.identity) as published:
            result = copy_data(
                CopyRequest(
                    identity=self.identity,
                    source=_HeldSource(self.source.port, published.snapshot),
                    target=self.target.port,
                    fresh=self.target.fresh,
                    parallelism=STREAMS,
                    clock=self.clock,
                    report=lambda progress: self.context.report(str(progress)),
                    cancelled=self.context.cancelled,
                )
            )
            return result, published.admit()


@dataclass(frozen=True, slots=True)
class _HeldSource:
    """A source whose snapshot is held already: it begins where the stream does."""

    port: FollowPort
    held: Snapshot

    def facts(self) -> DataFacts:
        return self.port.facts()

    def objections(self, source: DataFacts) -> Sequence[Diagnostic]:
        return self.port.objections(source)

    def mark(self) -> CopyMark | None:
        return self.port.mark()

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        return nullcontext(self.held)

    def intake(self, identity: CopyIdentity) -> AbstractContextManager[Intake]:
        return self.port.intake(identity)

    def settle(self, identity: CopyIdentity) -> None:
        self.port.settle(identity)


def promote(
    identity: CopyIdentity,
    source: FollowPort | None,
    target: FollowPort,
    *,
    clock: Clock,
    context: StepContext,
    alone: bool,
) -> FollowMark:
    """It follows no more afterwards, and its app may write; the mark that it had before. Raises ProviderError.

    With a source it has all that was written to it until now. Without one, or, where it may be promoted `alone`, with
    one that does not answer, it is what it is. One that may not be is frozen: its app is stopped.
    """
    mark = target.follow_mark()
    if mark is None or mark.identity != identity:
        raise ProviderError(ErrorKind.FAILED, "it does not follow, so that it cannot be promoted")
    if mark.promoted:
        return mark
    if source is not None and not (alone and _is_away(source)):
        # Side by side: in a move nobody is served meanwhile.
        with ThreadPoolExecutor(2) as beside:
            theirs, ours = beside.submit(source.shape), beside.submit(target.shape)
            if not alone:
                source.end_sessions()
        different = difference(theirs.result(), ours.result())
        if different:
            hint = "first `dpaas apply` with `follow`, which makes its copy anew"
            raise ProviderError(ErrorKind.INVALID, different, code="promote-incomplete", detail=[hint])
        catch_up(identity, source, target, clock=clock, context=context)
    else:
        source = None
        context.report("its source does not answer: what was written there last may be missing here")
    for note in target.promote(identity, None if source is None else source.unstreamed):
        context.report(note)
    return mark


def catch_up(
    identity: CopyIdentity, source: FollowPort, target: FollowPort, *, clock: Clock, context: StepContext
) -> None:
    """Returns once the follower has all that is written to its source by now. Raises ProviderError.

    Durably, and its source knows: where a promotion is killed in its transaction, a server forgets how far its stream
    was, and begins again at what it confirmed.
    """
    position = source.position()
    received = looked = clock.monotonic()
    pause = FIRST_PAUSE_S
    while not (target.caught_up(position) and source.has_confirmed(identity, position)):
        if context.cancelled():
            raise ProviderError(ErrorKind.CANCELLED, "waiting for the follower was cancelled")
        if clock.monotonic() - looked >= LOOK_EVERY_S:
            looked = clock.monotonic()
            status = joined_status(identity, source, target)
            if status is None or status.state is FollowState.BROKEN:
                raise ProviderError(ErrorKind.FAILED, (status and status.problem) or "it does not follow any more")
            if status.state is not FollowState.STOPPED:
                received = looked
                context.report(f"catching up: {(status.lag_bytes or 0) / 1e6:.1f} MB behind")
            elif looked - received > PATIENCE_S:
                raise ProviderError(ErrorKind.UNAVAILABLE, status.problem or "it receives nothing from its source")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_S, pause * 1.5)


def _is_away(source: FollowPort) -> bool:
    try:
        source.position()
    except DataMissing:
        return True
    except ProviderError as problem:
        if problem.kind is ErrorKind.UNAVAILABLE:
            return True
        raise
    return False


def _if_there(ask: Callable[[], T]) -> T | None:
    """None too where the target's database is missing: a try was killed between dropping and making it."""
    try:
        return ask()
    except DataMissing:
        return None
