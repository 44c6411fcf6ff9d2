"""A Valkey source: its keys read one after another while it works, each in one instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Final

from declarative_paas.core.copy_result import Fingerprint
from declarative_paas.core.data import ByteSource, DataFacts, Part
from declarative_paas.providers.addons.resp_stream import RespStream, ServerError, command
from declarative_paas.providers.addons.valkey_keys import Tally, keys_of
from declarative_paas.providers.addons.valkey_reading import (
    FUNCTIONS,
    Connections,
    Keyspace,
    failure,
    functions,
    keyspace,
    read_clock_ms,
    talking,
)

WRITE_BYTES: Final = 64 * 1024
# Keys that expire while both sides are read are left out of the comparison: this long at least.
EXPIRY_MARGIN_MS: Final = 120_000


class _Export:
    """Commands that make the keys of one database, in pieces of about 64 KB."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces, self._name = pieces, name
        self._left = b""

    def read(self, size: int) -> bytes:
        try:
            if not self._left:
                self._left = next(self._pieces, b"")
        except (OSError, ServerError) as problem:
            raise failure(problem, f"reading {self._name}") from None
        found, self._left = self._left[:size], self._left[size:]
        return found


class ValkeySnapshot:
    """Not held still: what is written meanwhile is told in `notes`."""

    def __init__(self, connect: Callable[[], RespStream], facts: Callable[[], DataFacts]) -> None:
        self._connections = Connections(connect)
        self._read_facts = facts
        self.facts = facts()
        self.id = "-".join(self.facts.traits["dirty"])
        self.schema = None
        self._tallies = {int(number): Tally() for number in self.facts.traits["keys"]}
        self.parts: Sequence[Part] = [
            *(
                Part(name=f"db{number}", weight=self._weight(number), detail=Keyspace(number))
                for number in self._tallies
            ),
            Part(name="functions", weight=1, detail=Keyspace(FUNCTIONS)),
        ]

    def _weight(self, number: int) -> int:
        keys: Mapping[str, int] = self.facts.traits["keys"]
        return max(1, self.facts.size_bytes * keys[str(number)] // max(1, sum(keys.values())))

    @property
    def notes(self) -> Sequence[str]:
        if self._read_facts().traits["dirty"] == self.facts.traits["dirty"]:
            return ()
        return ("keys were written during the copy: it is not of one instant, each key is as it was when it was read",)

    @property
    def checks(self) -> Sequence[Part]:
        """Asked for when everything has been read: what expires from now on may be gone on one side already."""
        with talking(self._connections.connect, "reading the source's clock") as connection:
            horizon = read_clock_ms(connection) + EXPIRY_MARGIN_MS
        databases = [Part(name=f"db{number}", weight=1, detail=Keyspace(number, horizon)) for number in self._tallies]
        return [*databases, Part(name="functions", weight=1, detail=Keyspace(FUNCTIONS))]

    def export(self, part: Part) -> ByteSource:
        connection = self._connections.connect()
        return _Export(self._commands(connection, keyspace(part).number), part.name)

    def _commands(self, connection: RespStream, number: int) -> Iterator[bytes]:
        with closing(connection):
            if number == FUNCTIONS:
                dumped = connection.ask("FUNCTION", "DUMP")
                yield command("FUNCTION", "RESTORE", dumped if isinstance(dumped, bytes) else b"", "FLUSH")
                return
            gathered = [command("SELECT", number)]
            size = 0
            for key in keys_of(connection, number):
                if not self._tallies[number].add(key):
                    continue
                gathered.append(key.restore())
                size += len(gathered[-1])
                if size >= WRITE_BYTES:
                    yield b"".join(gathered)
                    gathered, size = [], 0
            yield b"".join(gathered)

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        """Of the keys as they were when they were read, which are those that went to the target."""
        if keyspace(check).number >= 0:
            return keyspace(check).fingerprint(self._tallies[keyspace(check).number])
        with talking(self._connections.connect, "reading functions") as connection:
            return functions(connection)

    def stop(self) -> None:
        self._connections.stop()

    close = stop
