"""Whether a process tree listens on a port that the router can reach."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

from declarative_paas.providers.runtime import processes

_LISTEN = "0A"
_REACHABLE = {
    "00000000",  # 0.0.0.0
    "0100007F",  # 127.0.0.1
    "00000000000000000000000000000000",  # ::, which takes IPv4 too
    "0000000000000000FFFF00000100007F",  # ::ffff:127.0.0.1
}
"""The local addresses, as /proc/net/tcp spells them on a little-endian machine, behind 127.0.0.1."""


def listens(pids: Iterable[int], port: int) -> bool:
    """Whether one of the processes has bound the port. Another program's listener does not count.

    Where sockets cannot be told apart (no /proc, or one that hides descriptors) any listener counts.
    """
    inodes = _listening_inodes(port)
    if inodes is None:
        return _accepts(port)
    if not inodes:
        return False
    hidden = False
    for pid in pids:
        held = _socket_inodes(pid)
        if held is None:
            hidden = True
        elif held & inodes:
            return True
    return hidden and _accepts(port)


def _listening_inodes(port: int) -> frozenset[str] | None:
    """The sockets that listen on the port; None where the system does not tell."""
    found: set[str] = set()
    told = False
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            with Path(table).open(encoding="ascii") as file:
                told = True
                for line in file:
                    words = line.split()
                    address, _, hexadecimal = words[1].partition(":")
                    if words[3] == _LISTEN and int(hexadecimal, 16) == port and address in _REACHABLE:
                        found.add(words[9])
        except OSError:
            continue
    return frozenset(found) if told else None


def _socket_inodes(pid: int) -> frozenset[str] | None:
    """The sockets a process holds; None when it may not be asked."""
    found: set[str] = set()
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except PermissionError:
        # A process that is ending hides its descriptors as well, and holds none.
        return None if processes.is_alive(pid) else frozenset()
    except OSError:
        return frozenset()
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return frozenset(found)


def _accepts(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
