"""Keys of a Valkey or Redis server: read whole with their digests, as commands that make them elsewhere.

A key's digest covers its name, type, expiry and content, the content in an order that does not depend on the server.
A database's digest is the sum of those of its keys: 128 bits, so that a fault passes with odds of 1 to 2^128.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.resp_stream import Reply, RespStream, ServerError, command

MARK_KEY: Final = b"dpaas:copy"
BATCH: Final = 200
TRIES: Final = 5
_MODULUS: Final = 1 << 128

# How the whole content of each type is read, and whether the order of what comes is the server's own affair.
_CONTENT: Final[dict[bytes, tuple[tuple[tuple[str, ...], ...], int]]] = {
    b"string": ((("GET",),), 0),
    b"list": ((("LRANGE", "0", "-1"),), 0),
    b"set": ((("SMEMBERS",),), 1),
    b"hash": ((("HGETALL",),), 2),
    b"zset": ((("ZRANGE", "0", "-1", "WITHSCORES"),), 0),
    b"stream": ((("XRANGE", "-", "+"), ("XINFO GROUPS",)), 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as it was at an instant. `expires_ms` is absolute, 0 for never; `digest` a number below 2^128."""

    name: bytes
    expires_ms: int
    payload: bytes
    digest: int

    def restore(self) -> bytes:
        """The command that makes it, with the same expiry."""
        return command("RESTORE", self.name, self.expires_ms, self.payload, "REPLACE", "ABSTTL")


@dataclass(slots=True)
class Tally:
    """What was seen of one database. A key that a scan tells twice counts once: 8 bytes of each name are kept."""

    seen: set[int] = field(default_factory=set[int])
    lasting: int = 0
    total: int = 0
    expiring: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def add(self, key: Key) -> bool:
        """Whether it is a new one."""
        number = int.from_bytes(hashlib.blake2b(key.name, digest_size=8).digest())
        if number in self.seen:
            return False
        self.seen.add(number)
        if key.expires_ms:
            self.expiring.append((key.expires_ms, key.digest))
        else:
            self.lasting += 1
            self.total = (self.total + key.digest) % _MODULUS
        return True

    def result(self, expires_after_ms: int) -> tuple[int, str]:
        """Number and digest of the keys that are still there then."""
        later = [digest for expires, digest in self.expiring if expires > expires_after_ms]
        return self.lasting + len(later), f"{(self.total + sum(later)) % _MODULUS:032x}"


def keys_of(connection: RespStream, database: int) -> Iterator[Key]:
    """Every key that is there all the time, some of them twice; each read whole in one instant."""
    connection.ask("SELECT", database)
    cursor = b"0"
    while True:
        reply = connection.ask("SCAN", cursor, "COUNT", BATCH)
        assert isinstance(reply, list)
        found, names = reply
        assert isinstance(found, bytes)
        assert isinstance(names, list)
        wanted = [name for name in names if isinstance(name, bytes) and (database or name != MARK_KEY)]
        yield from _read(connection, wanted)
        cursor = found
        if cursor == b"0":
            return


def _read(connection: RespStream, names: Sequence[bytes]) -> Iterator[Key]:
    left = list(names)
    for _ in range(TRIES):
        if not left:
            return
        connection.write(b"".join(command("TYPE", name) for name in left))
        types = [connection.reply() for _ in left]
        there = [(name, _known(kind)) for name, kind in zip(left, types, strict=True) if kind != b"none"]
        left = list[bytes]()
        connection.write(b"".join(_reading(name, kind) for name, kind in there))
        for name, kind in there:
            key = _answer(connection, name, kind)
            if key is None:
                left.append(name)
            elif key.payload:
                yield key
    if left:
        raise ProviderError(ErrorKind.TRANSIENT, "a key changes its type all the time")


def _known(kind: Reply) -> bytes:
    if isinstance(kind, bytes) and kind in _CONTENT:
        return kind
    told = kind.decode("utf-8", "replace") if isinstance(kind, bytes) else "unknown"
    raise ProviderError(ErrorKind.INVALID, f"a key of the type {told} cannot be copied", code="unknown-type")


def _reading(name: bytes, kind: bytes) -> bytes:
    """In a transaction of its own: payload, expiry and content of one instant."""
    content = b"".join(command(*head.split(), name, *rest) for head, *rest in _CONTENT[kind][0])
    return b"".join((command("MULTI"), command("PEXPIRETIME", name), command("DUMP", name), content, command("EXEC")))


def _answer(connection: RespStream, name: bytes, kind: bytes) -> Key | None:
    """None when it became another type since it was asked for; without a payload when it is gone."""
    for _ in range(1 + 2 + len(_CONTENT[kind][0])):
        connection.reply()  # OK, and QUEUED for each
    reply = connection.reply()
    if not isinstance(reply, list):
        raise ProviderError(ErrorKind.FAILED, f"a key cannot be read: {reply!r}")
    expires, payload, *content = reply
    if not isinstance(payload, bytes):
        return Key(name=name, expires_ms=0, payload=b"", digest=0)
    if any(isinstance(found, ServerError) for found in content):
        return None
    expires_ms = expires if isinstance(expires, int) and expires > 0 else 0
    return Key(name=name, expires_ms=expires_ms, payload=payload, digest=_digest(name, kind, expires_ms, content))


def _digest(name: bytes, kind: bytes, expires_ms: int, content: list[Reply]) -> int:
    hashed = hashlib.blake2b(digest_size=16)
    hashed.update(_flat([name, kind, expires_ms]))
    width = _CONTENT[kind][1]
    for found in content:
        if width and isinstance(found, list):
            groups = sorted(_flat(found[index : index + width]) for index in range(0, len(found), width))
            hashed.update(b"".join(groups))
        else:
            hashed.update(_flat(found))
    return int.from_bytes(hashed.digest())


def _flat(value: Reply) -> bytes:
    """So that no two values look the same."""
    if isinstance(value, bytes):
        return b"$%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"*%d:%s" % (len(value), b"".join(_flat(item) for item in value))
    return f"{value};".encode()
