"""A Valkey target that is being filled: marked first, then keys and functions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from declarative_paas.core.copy_result import CopyIdentity, CopyResult, Fingerprint
from declarative_paas.core.data import ByteSink, Part
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.resp_stream import RespStream, ServerError, command
from declarative_paas.providers.addons.valkey_keys import MARK_KEY, Tally, keys_of
from declarative_paas.providers.addons.valkey_reading import (
    FUNCTIONS,
    Connections,
    failure,
    functions,
    keyspace,
    talking,
)


class _Import:
    """Commands in, replies read by a thread of their own, which ends at the echo of a last one."""

    _END: Final = b"dpaas: that was all"

    def __init__(self, connection: RespStream, name: str) -> None:
        self._connection, self._name = connection, name
        self._keys = 0
        self._problem: OSError | ServerError | None = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        try:
            self._connection.reply()  # to SELECT, or to FUNCTION RESTORE
            while (reply := self._connection.reply()) != self._END:
                if isinstance(reply, ServerError):
                    raise reply
                self._keys += 1
        except (OSError, ServerError) as problem:
            self._problem = problem

    def write(self, data: bytes) -> None:
        if self._problem is None:
            try:
                self._connection.write(data)
            except OSError as problem:
                self._problem = problem
        if self._problem is not None:
            self._connection.close()
            raise failure(self._problem, f"writing {self._name}")

    def finish(self) -> int:
        self.write(command("ECHO", self._END))
        self._listener.join()
        self._connection.close()
        if self._problem is not None:
            raise failure(self._problem, f"writing {self._name}")
        return self._keys


class ValkeyIntake:
    """Marked by a key until it is settled."""

    def __init__(self, connect: Callable[[], RespStream], identity: CopyIdentity) -> None:
        self._connections = Connections(connect)
        self._identity = identity
        self._note(None)

    def _note(self, result: CopyResult | None) -> None:
        identity = [self._identity.source_instance, self._identity.target_instance]
        note = json.dumps({"identity": identity, "result": result.to_json() if result else None})
        with talking(self._connections.connect, "marking the target") as connection:
            # Only where there is none, so that two copies never fill one server.
            if connection.ask("SET", MARK_KEY, note, *([] if result else ["NX"])) is None:
                raise ProviderError(ErrorKind.CONFLICT, "another copy into this server is under way")

    def begin(self, schema: Any) -> Sequence[str]:
        return ()

    def import_(self, part: Part) -> ByteSink:
        return _Import(self._connections.connect(), part.name)

    def completion(self, schema: Any) -> Sequence[Sequence[Callable[[], None]]]:
        return ()

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        with talking(self._connections.connect, f"reading {check.name}") as connection:
            if keyspace(check).number == FUNCTIONS:
                return functions(connection)
            tally = Tally()
            for key in keys_of(connection, keyspace(check).number):
                tally.add(key)
            return keyspace(check).fingerprint(tally)

    def verified(self, result: CopyResult) -> None:
        self._note(result)

    def stop(self) -> None:
        self._connections.stop()

    close = stop
