"""A Valkey or Redis server as data that can be copied: the `DataPort` of the redis service.

Keys are read one after another while the server works: not a snapshot. What was written meanwhile is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Final

from declarative_paas.core.copy_result import CopyIdentity, CopyMark, CopyResult
from declarative_paas.core.data import DataFacts, Dial, Intake, Snapshot
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.clock_skew import clock_objections
from declarative_paas.providers.addons.resp_stream import RespStream, local_dial, log_in
from declarative_paas.providers.addons.valkey import ValkeyServer
from declarative_paas.providers.addons.valkey_config import ADMIN
from declarative_paas.providers.addons.valkey_intake import ValkeyIntake
from declarative_paas.providers.addons.valkey_keys import MARK_KEY
from declarative_paas.providers.addons.valkey_reading import key_count, read_clock_ms, read_info, talking
from declarative_paas.providers.addons.valkey_snapshot import ValkeySnapshot

SERVICE: Final = "redis"
MOST_SKEW_S: Final = 60.0
"""Less than the time that a key must have left to be compared, which the source's clock tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyPort:
    """One server, all its databases and functions. `username` may read and write everything."""

    dial: Dial
    username: str
    password: Sensitive

    def _connect(self) -> RespStream:
        return log_in(self.dial, self.username, self.password)

    def facts(self) -> DataFacts:
        with talking(self._connect, "reading what the server is") as connection:
            info = read_info(connection)
            is_marked = bool(connection.ask("EXISTS", MARK_KEY))
            has_functions = bool(connection.ask("FUNCTION", "LIST"))
            clock_ahead_s = read_clock_ms(connection) / 1000 - time.time()
        keys = {name[2:]: key_count(value) for name, value in info.items() if name.startswith("db")}
        content = sum(keys.values()) - is_marked + has_functions
        return DataFacts(
            service=SERVICE,
            version=info.get("valkey_version") or info["redis_version"],
            # Which counts some 200 kB of the server's own.
            size_bytes=int(info["used_memory_dataset"]) if content else 0,
            streams=4,
            traits={
                "flavour": "valkey" if "valkey_version" in info else "redis",
                "keys": keys,
                "is_marked": is_marked,
                "content": content,
                "clock_ahead_s": clock_ahead_s,
                "maxmemory": int(info["maxmemory"]),
                "dirty": [info["rdb_changes_since_last_save"], info["rdb_last_save_time"]],
            },
        )

    def objections(self, source: DataFacts) -> Sequence[Diagnostic]:
        return objections(source, self.facts())

    def mark(self) -> CopyMark | None:
        with talking(self._connect, "looking for the mark of a copy") as connection:
            found = connection.ask("GET", MARK_KEY)
        if not isinstance(found, bytes):
            return None
        note = json.loads(found)
        identity = CopyIdentity(source_instance=note["identity"][0], target_instance=note["identity"][1])
        return CopyMark(identity=identity, result=CopyResult.from_json(note["result"]) if note.get("result") else None)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        return closing(ValkeySnapshot(self._connect, self.facts))

    def intake(self, identity: CopyIdentity) -> AbstractContextManager[Intake]:
        return closing(ValkeyIntake(self._connect, identity))

    def settle(self, identity: CopyIdentity) -> None:
        mark = self.mark()
        if mark is None:
            return
        if mark.identity != identity or mark.result is None:
            raise ProviderError(ErrorKind.CONFLICT, "the server holds a copy that is not this one, or not verified")
        with talking(self._connect, "taking the mark away") as connection:
            connection.ask("DEL", MARK_KEY)

    def empty(self) -> None:
        """Removes everything on the server, for a copy that is begun anew."""
        with talking(self._connect, "emptying the server") as connection:
            connection.ask("FLUSHALL", "SYNC")
            connection.ask("FUNCTION", "FLUSH")


def local_valkey_port(server: ValkeyServer) -> ValkeyPort:
    """A server on this machine, as its administrator."""
    return ValkeyPort(dial=local_dial(server.port), username=ADMIN, password=server.password)


def objections(source: DataFacts, target: DataFacts) -> Sequence[Diagnostic]:
    """Pure: why the source's keys cannot come into the target."""
    theirs, ours = source.traits, target.traits
    if source.service != target.service:
        return [error("other-service", f"{source.service} data cannot come into {target.service}")]
    found: list[Diagnostic] = []
    if theirs["is_marked"]:
        found.append(error("source-unfinished", "the source itself is an unfinished copy"))
    if ours["content"]:
        found.append(error("target-not-empty", f"the target is not empty: it holds {ours['content']} keys"))
    same = theirs["flavour"] == ours["flavour"]
    # Valkey began as Redis 7.2 and reads what that wrote; the two went apart since.
    if (same and source.major > target.major) or (not same and (ours["flavour"] == "redis" or source.major > 7)):
        summary = f"the source is {theirs['flavour']} {source.version}, the target {ours['flavour']} {target.version}"
        found.append(error("older-major", f"{summary}, which cannot read it"))
    found += clock_objections(source, target, "keys expire there at other instants", at_most_s=MOST_SKEW_S)
    if ours["maxmemory"] and source.size_bytes > ours["maxmemory"]:
        summary = f"the source holds {source.size_bytes >> 20} MB, the target at most {ours['maxmemory'] >> 20} MB"
        found.append(error("target-too-small", summary))
    return found
