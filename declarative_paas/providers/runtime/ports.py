"""Which loopback port is whose: a registry in a file, under a lock, that outlives the command."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, cast

from declarative_paas.providers import filelock
from declarative_paas.providers.wholefile import write_whole

FIRST, LAST = 20_000, 31_999
"""Below the ports that the system hands to outgoing connections (Linux: 32768, others: 49152)."""


class PortError(Exception):
    """No free port is left, or the registry cannot be read. Says which file."""


@dataclass(slots=True)
class _Content:
    """`claims` is owner → (first port, how many); `cursor` is where the next search starts."""

    cursor: int
    claims: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    def taken(self) -> set[int]:
        return {port for first, count in self.claims.values() for port in range(first, first + count)}


class PortRegistry:
    """Claims are keyed by an owner such as `storefront/web.1/v3`. Safe for several processes and threads.

    A freed port is handed out again only after the others: old connections to it are over by then.
    `machine` is a file in which the registries of one machine find each other: a port that another platform
    has claimed is not given, also while that platform is down or has not bound it yet.
    """

    def __init__(self, path: Path, first: int = FIRST, last: int = LAST, *, machine: Path | None = None) -> None:
        if not 0 < first <= last < 65536:
            raise ValueError(f"not a range of ports: {first}-{last}")
        self._path = path.absolute()
        self._first = first
        self._last = last
        self._machine = machine

    def claim(self, owner: str) -> int:
        """The owner's port, claimed now unless it has one. Raises PortError."""
        return self.free_block(1, owner).start

    def free_block(self, count: int, owner: str) -> range:
        """The owner's `count` contiguous ports. A claim of another size is replaced. Raises PortError."""
        if count < 1:
            raise ValueError("a block has at least one port")
        with self._alone_on_the_machine(), self._changed() as content:
            first, size = content.claims.get(owner, (0, 0))
            if size != count:
                content.claims.pop(owner, None)
                first = self._find(content, count, self._claimed_elsewhere())
                content.claims[owner] = (first, count)
                content.cursor = first + count
            return range(first, first + count)

    def release(self, owner: str) -> None:
        """Gives the owner's ports back. Fine when it has none."""
        with self._changed() as content:
            content.claims.pop(owner, None)

    def claims(self) -> Mapping[str, range]:
        """Every owner's ports, by owner."""
        with filelock.held(self._lock):
            content = self._read()
        return {owner: range(first, first + count) for owner, (first, count) in sorted(content.claims.items())}

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")

    @contextmanager
    def _changed(self) -> Generator[_Content]:
        with filelock.held(self._lock):
            content = self._read()
            before = json.dumps([content.cursor, content.claims])
            yield content
            if json.dumps([content.cursor, content.claims]) != before:
                text = json.dumps({"cursor": content.cursor, "claims": content.claims}, indent=1, sort_keys=True)
                write_whole(self._path, text + "\n")

    def _read(self) -> _Content:
        try:
            content: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            claims = cast("dict[str, list[int]]", content["claims"])
            return _Content(
                cursor=int(content["cursor"]),
                claims={owner: (int(first), int(count)) for owner, (first, count) in claims.items()},
            )
        except FileNotFoundError:
            return _Content(cursor=self._first_cursor())
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise PortError(f"the port registry {self._path} is malformed: {wrong}") from wrong

    def _first_cursor(self) -> int:
        """Each platform starts elsewhere in the range, so that two on one machine rarely meet."""
        digest = hashlib.sha256(os.fsencode(self._path.absolute())).digest()
        return self._first + int.from_bytes(digest[:4], "big") % (self._last - self._first + 1)

    @contextmanager
    def _alone_on_the_machine(self) -> Generator[None]:
        if self._machine is None:
            yield
            return
        with filelock.held(self._machine.with_name(f"{self._machine.name}.lock")):
            yield

    def _claimed_elsewhere(self) -> set[int]:
        """What the machine's other platforms have claimed; makes ourselves known to them."""
        if self._machine is None:
            return set()
        try:
            known = self._machine.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            known = []
        others = [Path(line) for line in known if line != str(self._path) and Path(line).exists()]
        write_whole(self._machine, "".join(f"{path}\n" for path in [*others, self._path]))
        taken: set[int] = set()
        for path in others:
            # Another platform's broken registry must not stop ours.
            with suppress(PortError, OSError):
                taken |= PortRegistry(path)._read().taken()
        return taken

    def _find(self, content: _Content, count: int, elsewhere: set[int]) -> int:
        taken = content.taken() | elsewhere
        highest = self._last - count + 1
        cursor = content.cursor if self._first <= content.cursor <= highest else self._first
        for first in chain(range(cursor, highest + 1), range(self._first, cursor)):
            block = range(first, first + count)
            if block.stop - 1 <= self._last and taken.isdisjoint(block) and all(map(_can_be_bound, block)):
                return first
        raise PortError(f"no {count} free contiguous ports are left in {self._first}-{self._last} ({self._path})")


def _can_be_bound(port: int) -> bool:
    # Without SO_REUSEADDR: the program that gets the port may not set it either.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
