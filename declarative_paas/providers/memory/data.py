"""The data of a memory platform's add-ons, to be copied: rows by name, each one part of a copy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from declarative_paas.core.copy_result import CopyIdentity, CopyMark, CopyResult, Fingerprint
from declarative_paas.core.data import DataFacts, DataSide, Part
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.memory.world import WorldFault


class DataWorld(Protocol):
    """As much of a world as holds data."""

    def data(self, scope: str, address: str) -> dict[str, Any]: ...

    def write_row(self, scope: str, address: str, name: str, text: str) -> None: ...

    def mark_copy(self, scope: str, address: str, mark: Mapping[str, Any] | None) -> None: ...

    def empty(self, scope: str, address: str) -> None: ...

    def publish(self, scope: str, address: str, slot: str) -> list[str]: ...

    def keeps(self, scope: str, address: str, slot: str) -> list[str] | None: ...

    def unpublish(self, scope: str, address: str, slot: str) -> None: ...

    def follow(self, scope: str, address: str, follow: Mapping[str, Any]) -> None: ...

    def end_follow(self, scope: str, address: str, *, promoted: bool) -> None: ...

    def leader_keeps(self, scope: str, address: str) -> bool | None: ...


@contextmanager
def world_told() -> Generator[None]:
    """The world's faults as the executor knows them."""
    try:
        yield
    except WorldFault as fault:
        raise ProviderError(ErrorKind(fault.kind), fault.summary) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPort:
    """One add-on of one world."""

    world: DataWorld
    scope: str
    address: str

    def side(self) -> DataSide:
        return DataSide(port=self, fresh=self.fresh)

    def fresh(self) -> None:
        with world_told():
            self.world.empty(self.scope, self.address)

    def rows(self) -> dict[str, str]:
        with world_told():
            found: dict[str, str] = self.world.data(self.scope, self.address)["rows"]
        return found

    def facts(self) -> DataFacts:
        rows = self.rows()
        size = sum(len(name) + len(text) for name, text in rows.items())
        return DataFacts(service="memory", version="1", size_bytes=size, streams=1)

    def objections(self, source: DataFacts) -> Sequence[Diagnostic]:
        if self.rows():
            return [error("target-not-empty", f"{self.address} holds data already")]
        return ()

    def mark(self) -> CopyMark | None:
        with world_told():
            found = self.world.data(self.scope, self.address)["mark"]
        if found is None:
            return None
        source, target = found["identity"]
        result = found["result"]
        return CopyMark(
            identity=CopyIdentity(source_instance=source, target_instance=target),
            result=None if result is None else CopyResult.from_json(result),
        )

    @contextmanager
    def snapshot(self) -> Generator[_Snapshot]:
        yield _Snapshot(id=f"memory-{self.address}", facts=self.facts(), rows=self.rows())

    @contextmanager
    def intake(self, identity: CopyIdentity) -> Generator[_Intake]:
        self.put_mark(identity, None)
        yield _Intake(port=self, identity=identity)

    def settle(self, identity: CopyIdentity) -> None:
        mark = self.mark()
        if mark is not None and mark.identity == identity:
            with world_told():
                self.world.mark_copy(self.scope, self.address, None)

    def put_mark(self, identity: CopyIdentity, result: CopyResult | None) -> None:
        content = {
            "identity": [identity.source_instance, identity.target_instance],
            "result": None if result is None else result.to_json(),
        }
        with world_told():
            self.world.mark_copy(self.scope, self.address, content)

    def put_row(self, name: str, text: str) -> None:
        with world_told():
            self.world.write_row(self.scope, self.address, name, text)


@dataclass(slots=True)
class _Bytes:
    """Gives them once."""

    content: bytes

    def read(self, size: int) -> bytes:
        found, self.content = self.content[:size], self.content[size:]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    id: str
    facts: DataFacts
    rows: Mapping[str, str]

    @property
    def parts(self) -> Sequence[Part]:
        return [Part(name=name, weight=max(1, len(text))) for name, text in sorted(self.rows.items())]

    @property
    def checks(self) -> Sequence[Part]:
        return [Part(name="rows", weight=1)]

    @property
    def notes(self) -> Sequence[str]:
        return ()

    @property
    def schema(self) -> Any:
        return None

    def export(self, part: Part) -> _Bytes:
        return _Bytes(self.rows[part.name].encode())

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        return _fingerprints(self.rows)

    def stop(self) -> None:
        """Nothing here blocks."""


@dataclass(slots=True, kw_only=True)
class _Sink:
    port: MemoryPort
    name: str
    content: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        self.content += data

    def finish(self) -> int:
        self.port.put_row(self.name, self.content.decode())
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intake:
    port: MemoryPort
    identity: CopyIdentity

    def begin(self, schema: Any) -> Sequence[str]:
        return ()

    def import_(self, part: Part) -> _Sink:
        return _Sink(port=self.port, name=part.name)

    def completion(self, schema: Any) -> Sequence[Sequence[Callable[[], None]]]:
        return ()

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        return _fingerprints(self.port.rows())

    def verified(self, result: CopyResult) -> None:
        self.port.put_mark(self.identity, result)

    def stop(self) -> None:
        """Nothing here blocks."""


def _fingerprints(rows: Mapping[str, str]) -> list[Fingerprint]:
    return [
        Fingerprint(kind="row", name=name, digest=hashlib.sha256(text.encode()).hexdigest(), rows=1)
        for name, text in sorted(rows.items())
    ]
