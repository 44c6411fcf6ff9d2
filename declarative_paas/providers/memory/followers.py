"""A memory add-on that follows another one: every row that is written there is here at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.copy_result import CopyIdentity, CopyResult
from declarative_paas.core.data import DataSide, Snapshot
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.follow import Endpoint, FollowAccess, FollowMark, FollowState, FollowStatus
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.memory.data import MemoryPort, world_told

_BROKEN: Final = "its source keeps nothing for it any more: its copy has to be made anew"
_SILENT: Final = "its source does not answer"


@dataclass(slots=True, kw_only=True)
class MemoryFollowSource:
    """See `core.follow.FollowSource`."""

    snapshot: Snapshot
    access: FollowAccess
    admitted: bool = False

    def admit(self) -> FollowAccess:
        self.admitted = True
        return self.access


class MemoryFollowPort(MemoryPort):
    """See `core.follow.FollowPort`."""

    def side(self) -> DataSide:
        return DataSide(port=self, fresh=self.fresh)

    def follow_objections(self) -> Sequence[Diagnostic]:
        return ()

    @contextmanager
    def publish(self, identity: CopyIdentity) -> Generator[MemoryFollowSource]:
        with world_told():
            leader = self.world.publish(self.scope, self.address, _slot(identity))
        with self.snapshot() as snapshot:
            source = MemoryFollowSource(snapshot=snapshot, access=_access(leader))
            try:
                yield source
            finally:
                if not source.admitted:
                    self.unpublish(identity)

    def resume(self, identity: CopyIdentity, result: CopyResult) -> FollowAccess | None:
        with world_told():
            leader = self.world.keeps(self.scope, self.address, _slot(identity))
        return None if leader is None else _access(leader)

    def relieve(self, identity: CopyIdentity) -> None:
        """A world keeps whatever it is to keep."""

    def source_status(self, identity: CopyIdentity) -> FollowStatus | None:
        with world_told():
            leader = self.world.keeps(self.scope, self.address, _slot(identity))
        return None if leader is None else FollowStatus(state=FollowState.STREAMING, lag_bytes=0, lag_s=0.0)

    def end_sessions(self) -> None:
        """Nobody has one."""

    def position(self) -> str:
        return "0"

    def has_confirmed(self, identity: CopyIdentity, position: str) -> bool:
        return True

    def unstreamed(self) -> None:
        """Rows are all there is."""

    def shape(self) -> Mapping[str, str]:
        return {}

    def frozen(self) -> AbstractContextManager[Snapshot]:
        return self.snapshot()

    def unpublish(self, identity: CopyIdentity) -> None:
        with world_told():
            self.world.unpublish(self.scope, self.address, _slot(identity))

    def subscribe(self, identity: CopyIdentity, source: FollowAccess, endpoint: Endpoint, result: CopyResult) -> None:
        follow = {
            "identity": [identity.source_instance, identity.target_instance],
            "promoted": False,
            "result": result.to_json(),
            "leader": json.loads(source.publication),
        }
        with world_told():
            self.world.follow(self.scope, self.address, follow)

    def follow_mark(self) -> FollowMark | None:
        with world_told():
            found = self.world.data(self.scope, self.address)["follow"]
        if found is None:
            return None
        source, target = found["identity"]
        return FollowMark(
            identity=CopyIdentity(source_instance=source, target_instance=target),
            promoted=found["promoted"],
            result=CopyResult.from_json(found["result"]),
        )

    def follow_status(self, identity: CopyIdentity) -> FollowStatus | None:
        mark = self.follow_mark()
        if mark is None or mark.promoted or mark.identity != identity:
            return None
        with world_told():
            kept = self.world.leader_keeps(self.scope, self.address)
        if kept is None:
            return FollowStatus(state=FollowState.STOPPED, problem=_SILENT)
        if not kept:
            return FollowStatus(state=FollowState.BROKEN, problem=_BROKEN)
        return FollowStatus(state=FollowState.STREAMING, lag_bytes=0, lag_s=0.0)

    def redial(self, identity: CopyIdentity, source: FollowAccess, endpoint: Endpoint) -> None:
        """There is one way only."""

    def caught_up(self, position: str) -> bool:
        return True

    def promote(self, identity: CopyIdentity, unstreamed: Callable[[], Any] | None) -> Sequence[str]:
        with world_told():
            self.world.end_follow(self.scope, self.address, promoted=True)
        return ()

    def cut(self, identity: CopyIdentity, *, anew: bool = False) -> None:
        mark = self.follow_mark()
        if mark is None or mark.promoted:
            return
        with world_told():
            self.world.end_follow(self.scope, self.address, promoted=False)
        if anew:
            self.put_mark(identity, None)


def _slot(identity: CopyIdentity) -> str:
    return f"{identity.source_instance}->{identity.target_instance}"


def _access(leader: Sequence[str]) -> FollowAccess:
    return FollowAccess(
        database=leader[2],
        role="follower",
        password=Sensitive("memory"),
        slot=leader[3],
        publication=json.dumps(list(leader)),
    )
