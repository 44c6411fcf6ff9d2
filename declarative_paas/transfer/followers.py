"""The provider of `follower`: one add-on that is kept like another one until it is promoted.

First a verified copy, from the very point at which the source begins to keep changes for it; then the stream. Each
part is found again by what the two servers know, so that a step that was killed anywhere goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.copy_result import CopyResult, Verification
from declarative_paas.core.data import Snapshot
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.follow import FollowPort, FollowStatus
from declarative_paas.core.following import follows
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Done,
    ErrorKind,
    InstanceKey,
    Pending,
    Present,
    ProviderError,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.values import Attributes
from declarative_paas.transfer.comparison import compared
from declarative_paas.transfer.follow_steps import Following, promote
from declarative_paas.transfer.follower_sides import (
    FindSide,
    FollowLinks,
    FollowSide,
    Pair,
    joined_status,
    needed,
    source_side,
    target_side,
)

READERS: Final = 4
"""So many followers are asked at once how they do."""

GONE: Final = frozenset({ErrorKind.INVALID})
"""What finding a side fails with that is there no more, or whose region is declared no more."""

AWAY: Final = GONE | {ErrorKind.UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class _Held:
    """A promoted follower as it was before its app wrote to it; `stack` lets go of it."""

    stack: ExitStack
    snapshot: Snapshot
    pair: Pair


class Followers:
    """`able` are the regions whose provider can read data out and take it in; `links` makes ways between regions.

    `standing` finds a side without starting anything: for reading.
    """

    def __init__(
        self, *, find: FindSide, standing: FindSide, able: frozenset[str], clock: Clock, links: FollowLinks
    ) -> None:
        self._find, self._standing = find, standing
        self._able = able
        self._clock = clock
        self._links = links
        self._held: dict[ResourceAddress, _Held] = {}

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=2)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return [
            error(
                "follow-unsupported",
                f"the provider of region {region} cannot let {resource.address.name} follow",
                resource.position,
                expected=f"`copy` or `empty` for {resource.address.name}, or regions whose providers can",
            )
            for resource in resources
            for region in sorted(_regions(resource.attributes) - self._able)
        ]

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(partial(self._reading, query.scope), query.known))
        made: dict[InstanceKey, Reading] = {
            record.key: reading for record, reading in zip(query.known, found, strict=True)
        }
        # One whose result was lost is asked for again, and its servers tell that it is there.
        return {**dict.fromkeys(query.pending, Absent()), **made}

    def _reading(self, scope: Scope, record: ResourceState) -> Reading:
        status = self.status(scope, record.address, record.attributes)
        problem = status.problem if status is not None else None
        return Present(
            remote_id=record.remote_id,
            attributes=record.attributes,
            outputs=record.outputs,
            problems=() if problem is None else (problem,),
        )

    def status(self, scope: Scope, address: ResourceAddress, attributes: Attributes) -> FollowStatus | None:
        """How a follower does, as far as its two servers answer; None when nothing can be said, or it is promoted."""
        if not follows(attributes):
            return None
        pair = Pair.of(scope, address, attributes)
        try:
            source = source_side(self._standing, pair, without=AWAY)
            target = target_side(self._standing, pair, without=AWAY)
            return joined_status(pair.identity, _port(source), _port(target))
        except ProviderError:
            return None

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        pair = Pair.of(request.scope, request.address, request.attributes)
        match request.operation:
            case Operation.CREATE | Operation.UPDATE:
                return self._follow(pair, request, context)
            case Operation.PROMOTE:
                return self._promote(pair, request, context)
            case Operation.DELETE:
                self._cut(pair, context)
                return Done(remote_id="")
            case Operation.FORGET:
                return Done(remote_id="")
            case Operation.RENAME:
                raise ValueError("a follower is never renamed")

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)

    def _follow(self, pair: Pair, request: StepRequest, context: StepContext) -> Done:
        following = Following(
            identity=pair.identity,
            source=needed(source_side(self._find, pair), pair.source_addon),
            target=needed(target_side(self._find, pair), pair.target_addon),
            dial=lambda: pair.dial(self._links),
            clock=self._clock,
            context=context,
        )
        return self._done(pair, request, following.begin())

    def _promote(self, pair: Pair, request: StepRequest, context: StepContext) -> Done:
        is_move = bool(request.attributes.get("compare"))
        began = self._clock.monotonic()
        target = needed(target_side(self._find, pair), pair.target_addon)
        # In a move all that was written last must come along: without its source there is no going on.
        source = source_side(self._find, pair, without=frozenset() if is_move else AWAY)
        mark = promote(pair.identity, _port(source), target.port, clock=self._clock, context=context, alone=not is_move)
        took = round(self._clock.monotonic() - began, 3)
        with ThreadPoolExecutor(1) as beside:
            if is_move and not mark.promoted:
                snapshot = self._hold(pair, request.address, target)
                # As it is before its app may change it. What is wrong with it is for the comparison to tell.
                beside.submit(lambda: snapshot.schema)
            self._forget(pair, source, context)
        promoted = {"promoted_at": self._now(), "caught_up_s": took}
        return self._done(pair, request, mark.result, promoted)

    def _hold(self, pair: Pair, address: ResourceAddress, target: FollowSide) -> Snapshot:
        """Keeps the target as it is now for `compare`: its app may write from here on."""
        stack = ExitStack()
        held = _Held(stack, stack.enter_context(target.port.frozen()), pair)
        self._held[address] = held
        return held.snapshot

    def compare(self, scope: Scope, address: ResourceAddress, context: StepContext) -> Verification | None:
        """Both sides of a move as they were at its promotion, the source still frozen. Raises ProviderError.

        None when nobody held the target since: the promotion was another command's.
        """
        held = self._held.pop(address, None)
        if held is None:
            return None
        with held.stack:
            source = needed(source_side(self._find, held.pair), held.pair.source_addon)
            with source.port.frozen() as snapshot:
                return compared(snapshot, held.snapshot, cancelled=context.cancelled)

    def _forget(self, pair: Pair, source: FollowSide | None, context: StepContext) -> None:
        """It needs its source no more; one that does not answer keeps a little for it, and not for ever."""
        try:
            if source is not None:
                source.port.unpublish(pair.identity)
            pair.part(self._links)
        except ProviderError as problem:
            context.report(f"its source still keeps what it had for it: {problem.summary}")

    def _cut(self, pair: Pair, context: StepContext) -> None:
        target = target_side(self._find, pair, without=GONE)
        mark = target.port.follow_mark() if target is not None else None
        if mark is not None and mark.promoted and mark.identity == pair.identity:
            self._forget(pair, source_side(self._find, pair, without=AWAY), context)
            return
        source = source_side(self._find, pair, without=GONE)
        if target is not None:
            target.port.cut(pair.identity)
        if source is not None:
            source.port.unpublish(pair.identity)
        if source is not None or target is not None:
            pair.part(self._links)

    def _done(
        self, pair: Pair, request: StepRequest, result: CopyResult, more: Mapping[str, Any] | None = None
    ) -> Done:
        known: Attributes = request.prior.outputs if request.prior is not None else {}
        recorded = known.get("copy")
        copied_then = recorded is not None and recorded["snapshot"] == result.snapshot
        return Done(
            remote_id=f"{pair.identity.source_instance}->{pair.identity.target_instance}",
            outputs={
                "id": request.instance,
                # What is recorded is whole; the mark of a promoted one has no more room for it.
                "copy": recorded if copied_then else result.to_json(),
                "verified_at": known["verified_at"] if copied_then else self._now(),
                **(more or {}),
            },
        )

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="seconds")


def _port(side: FollowSide | None) -> FollowPort | None:
    return None if side is None else side.port


def _regions(attributes: Attributes) -> set[str]:
    between = attributes["between"]
    return {between["from"]["region"], between["to"]["region"]}
