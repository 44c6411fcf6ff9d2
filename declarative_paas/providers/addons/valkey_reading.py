"""What both sides of a copy of keys share: connections that can be ended, fingerprints, errors told by kind."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from declarative_paas.core.copy_result import Fingerprint
from declarative_paas.core.data import Part
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.resp_stream import RespStream, ServerError
from declarative_paas.providers.addons.valkey_keys import Tally

FUNCTIONS = -1


def failure(problem: OSError | ServerError, what: str) -> ProviderError:
    """What a person is told of a server that answered with an error, or not at all."""
    if isinstance(problem, ServerError):
        code = "memory-full" if str(problem) == "OOM" else str(problem).lower()
        return ProviderError(ErrorKind.FAILED, f"{what}: the server answers {problem}", code=code)
    return ProviderError(ErrorKind.UNAVAILABLE, f"{what}: the server went away", code="connection-lost")


@contextmanager
def talking(connect: Callable[[], RespStream], what: str) -> Generator[RespStream]:
    """A connection for a few commands. Raises ProviderError, with `what` was being done, for all that goes wrong."""
    connection = connect()
    try:
        yield connection
    except (OSError, ServerError) as problem:
        raise failure(problem, what) from None
    finally:
        connection.close()


def read_info(connection: RespStream) -> Mapping[str, str]:
    """What the server tells of itself."""
    found = connection.ask("INFO")
    lines = found.decode().splitlines() if isinstance(found, bytes) else []
    return dict(line.split(":", 1) for line in lines if ":" in line)


def read_clock_ms(connection: RespStream) -> int:
    """The server's clock, in milliseconds since 1970."""
    reply = connection.ask("TIME")
    assert isinstance(reply, list)
    seconds, microseconds = (int(part) for part in reply if isinstance(part, bytes))
    return seconds * 1000 + microseconds // 1000


def key_count(told: str) -> int:
    """How many keys a database has, as INFO tells it: `keys=3,expires=0,…`."""
    return int(told.split(",", 1)[0].partition("=")[2])


def functions(connection: RespStream) -> list[Fingerprint]:
    """All libraries of functions as one thing; nothing when there are none."""
    found = connection.ask("FUNCTION", "LIST", "WITHCODE")
    if not isinstance(found, list) or not found:
        return []
    # Functions of a library come in any order; its code says what they are.
    codes = sorted(str(library[-1]) for library in found if isinstance(library, list))
    digest = hashlib.sha256("\0".join(codes).encode()).hexdigest()[:32]
    return [Fingerprint(kind="functions", name="all", rows=len(found), digest=digest)]


@dataclass(frozen=True, slots=True)
class Keyspace:
    """The keys of one database that do not expire before an instant; number FUNCTIONS is the functions."""

    number: int
    expires_after_ms: int = 0

    def fingerprint(self, tally: Tally) -> list[Fingerprint]:
        """What was seen, as one thing."""
        count, digest = tally.result(self.expires_after_ms)
        return [Fingerprint(kind="keys", name=f"db{self.number}", rows=count, digest=digest)]


def keyspace(part: Part) -> Keyspace:
    """What a part or a check of this service is."""
    assert isinstance(part.detail, Keyspace)
    return part.detail


class Connections:
    """Those of one side, to be ended from another thread."""

    def __init__(self, connect: Callable[[], RespStream]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._open: list[RespStream] = []
        self._stopped = False

    def connect(self) -> RespStream:
        with self._lock:
            if self._stopped:
                raise ProviderError(ErrorKind.CANCELLED, "the copy was stopped")
            self._open.append(self._connect())
            return self._open[-1]

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for connection in self._open:
                connection.close()
