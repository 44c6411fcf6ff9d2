"""What a service must offer for its data to be copied to another region, and the values of a copy.

A `DataPort` is one add-on instance seen as data. Its source side is a `Snapshot`, its target side an `Intake`; the
bytes between them are streams, and all that a port needs is to run its service's own programs beside the server
(`Runner`): no server's port is ever published for a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity, CopyMark, CopyResult, Fingerprint
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive


class Process(Protocol):
    """A program that runs beside a server, its standard streams in our hands. Methods block.

    Reading and writing may happen in two threads at once. `write` raises BrokenPipeError when the program is gone.
    """

    def read(self, size: int) -> bytes:
        """At most `size` bytes of its output, as soon as there are any; empty at the end."""
        ...

    def write(self, data: bytes) -> None: ...

    def close_input(self) -> None: ...

    def wait(self) -> int:
        """Its exit status; a program that was killed has one that is not 0. Its input is closed first."""
        ...

    def errors(self) -> str:
        """The last lines of its error output; whole once it has ended."""
        ...

    def kill(self) -> None:
        """Ends it now, from any thread; a no-op when it has ended. Blocked reads and writes return."""
        ...


class Stream(Protocol):
    """A connection to a server, both ways. Methods block and raise OSError; two threads may use it, one a way."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes, as soon as there are any; empty at the end."""
        ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """Ends it now, from any thread: blocked reads and writes return. A no-op the second time."""
        ...


class Dial(Protocol):
    """Connects to one server, wherever it is. Raises ProviderError (UNAVAILABLE)."""

    def __call__(self) -> Stream: ...


class Runner(Protocol):
    """Starts programs beside one server: a subprocess on this machine, an exec over an engine's connection.

    `secrets` reach the program and nothing else: no argument list, log or file. Raises ProviderError (UNAVAILABLE)
    when nothing can be started there.
    """

    def open(
        self, argv: Sequence[str], *, environment: Mapping[str, str], secrets: Mapping[str, Sensitive]
    ) -> Process: ...


class CopyRefused(ProviderError):
    """A copy that must not begin: nothing was read from the source and nothing written to the target."""

    def __init__(self, objections: Sequence[Diagnostic]) -> None:
        first, *others = objections
        super().__init__(ErrorKind.INVALID, first.summary, code=first.code, detail=[o.summary for o in others])
        self.objections = tuple(objections)


class DataMissing(ProviderError):
    """The server answers and the database is not there: a fresh one may be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """A database as a copy sees it. `streams` is how many connections a copy may open to it at once.

    `traits` are what the service's own port compares (extensions, encoding, …): plain JSON.
    """

    service: str
    version: str
    size_bytes: int
    streams: int
    traits: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def major(self) -> int:
        """The first number of the version: across two of them, copies have a direction."""
        return int(self.version.split(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One stream of a copy: a table, a range of one, several small ones. `weight` is about its bytes, at least 1.

    `detail` is the source port's own, and only a port of the same service reads it.
    """

    name: str
    weight: int
    detail: Any = field(default=None, repr=False)


class ByteSource(Protocol):
    """One part's bytes on their way out."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end. Raises ProviderError when the end is not the whole."""
        ...


class ByteSink(Protocol):
    """One part's bytes on their way in; nothing of it counts before `finish`."""

    def write(self, data: bytes) -> None:
        """Blocks while the target is behind. Raises ProviderError when the target takes no more."""
        ...

    def finish(self) -> int:
        """Tells the target that the part is whole; returns how many rows it took. Raises ProviderError."""
        ...


class Snapshot(Protocol):
    """A source, held still for reading. Methods may be called from several threads and raise ProviderError."""

    @property
    def id(self) -> str:
        """Names the snapshot among all of its server."""
        ...

    @property
    def facts(self) -> DataFacts:
        """The source as it is."""
        ...

    @property
    def parts(self) -> Sequence[Part]:
        """All data, largest first."""
        ...

    @property
    def checks(self) -> Sequence[Part]:
        """What `fingerprint` can be asked for, on both sides: together everything."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the copy cannot be by the source's nature, in words: asked for when all data has been read."""
        ...

    @property
    def schema(self) -> Any:
        """The form of the data: for an intake of the same service."""
        ...

    def export(self, part: Part) -> ByteSource:
        """Begins to read a part as of the snapshot."""
        ...

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        """What is there, as of the snapshot."""
        ...

    def stop(self) -> None:
        """Ends all that is under way, from any thread: what is blocked in here raises ProviderError soon."""
        ...


class Intake(Protocol):
    """A target that is being filled. Methods may be called from several threads and raise ProviderError."""

    def begin(self, schema: Any) -> Sequence[str]:
        """Makes what must be there before data; returns what was left out, in words."""
        ...

    def import_(self, part: Part) -> ByteSink:
        """Begins to write a part."""
        ...

    def completion(self, schema: Any) -> Sequence[Sequence[Callable[[], None]]]:
        """What remains after all data: stages in order, of jobs that may run side by side."""
        ...

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        """What is there, in the terms of the source's `check`."""
        ...

    def verified(self, result: CopyResult) -> None:
        """Durably marks the target as verified; it stays marked until `DataPort.settle`."""
        ...

    def stop(self) -> None:
        """Ends all that is under way, from any thread."""
        ...


class DataPort(Protocol):
    """One add-on instance as data. Raises ProviderError, DataMissing when its database is not there."""

    def facts(self) -> DataFacts:
        """The data as it is: size, version, and what decides whether it fits elsewhere."""
        ...

    def objections(self, source: DataFacts) -> Sequence[Diagnostic]:
        """As a target: why data with these facts cannot come here (errors), or not as it is (warnings)."""
        ...

    def mark(self) -> CopyMark | None:
        """As a target: what a copy left here; None when none did, or it is settled."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """As a source: holds the data still until the context ends."""
        ...

    def intake(self, identity: CopyIdentity) -> AbstractContextManager[Intake]:
        """As a target: marks it, then takes data in. Raises ProviderError (CONFLICT) while another copy does."""
        ...

    def settle(self, identity: CopyIdentity) -> None:
        """As a target: takes the mark of a verified copy away, once its result is stored; a no-op without one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSide:
    """One side of a copy. `fresh` makes its database anew and empty, with the same role; what was in it is lost."""

    port: DataPort
    fresh: Callable[[], None]


@runtime_checkable
class DataHolder(Protocol):
    """What a provider also offers whose add-ons' data can be copied."""

    def data_side(self, scope: Scope, addon: ResourceAddress) -> DataSide:
        """The add-on's data as it is now. Raises ProviderError (INVALID) for one that is not there or holds none."""
        ...
