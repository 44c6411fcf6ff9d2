"""A memory world in a process of its own, behind a unix socket: it outlives a killed apply.

`python -m declarative_paas.providers.memory.remote SOCKET` serves until SIGTERM. One JSON array a line:
`[method, [arguments], {keywords}]`, answered by `["ok", result]` or `["fault", kind, summary]`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from declarative_paas.providers.memory.world import MemoryWorld, WorldFault

_METHODS = frozenset(
    {
        "put",
        "remove",
        "rename",
        "read",
        "everything",
        "rescope",
        "data",
        "write_row",
        "mark_copy",
        "empty",
        "publish",
        "keeps",
        "unpublish",
        "follow",
        "end_follow",
        "leader_keeps",
        "damage",
        "lose",
        "fail_on",
        "set_unreachable",
        "audit",
    }
)

_BUFFER_BYTES = 1 << 20


class RemoteWorld:
    """The client: the same methods as `MemoryWorld`. One connection a thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._local = threading.local()

    def put(self, scope: str, address: str, instance: str, key: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        outputs: dict[str, Any] = self.call("put", scope, address, instance, key, attributes)
        return outputs

    def remove(self, scope: str, address: str, instance: str) -> None:
        self.call("remove", scope, address, instance)

    def rename(self, scope: str, address: str, instance: str, new: str) -> None:
        self.call("rename", scope, address, instance, new)

    def read(self, scope: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.call("read", scope)
        return found

    def everything(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("everything")
        return found

    def rescope(self, things: Sequence[tuple[str, str, str]], scope: str) -> None:
        self.call("rescope", things, scope)

    def data(self, scope: str, address: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("data", scope, address)
        return found

    def write_row(self, scope: str, address: str, name: str, text: str) -> None:
        self.call("write_row", scope, address, name, text)

    def mark_copy(self, scope: str, address: str, mark: Mapping[str, Any] | None) -> None:
        self.call("mark_copy", scope, address, mark)

    def empty(self, scope: str, address: str) -> None:
        self.call("empty", scope, address)

    def publish(self, scope: str, address: str, slot: str) -> list[str]:
        leader: list[str] = self.call("publish", scope, address, slot)
        return leader

    def keeps(self, scope: str, address: str, slot: str) -> list[str] | None:
        leader: list[str] | None = self.call("keeps", scope, address, slot)
        return leader

    def unpublish(self, scope: str, address: str, slot: str) -> None:
        self.call("unpublish", scope, address, slot)

    def follow(self, scope: str, address: str, follow: Mapping[str, Any]) -> None:
        self.call("follow", scope, address, follow)

    def end_follow(self, scope: str, address: str, *, promoted: bool) -> None:
        self.call("end_follow", scope, address, promoted=promoted)

    def leader_keeps(self, scope: str, address: str) -> bool | None:
        found: bool | None = self.call("leader_keeps", scope, address)
        return found

    def call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Raises WorldFault: injected ones, and `unavailable` when nobody serves the socket."""
        try:
            stream = self._stream()
            stream.write(json.dumps([method, arguments, keywords]).encode() + b"\n")
            stream.flush()
            line = stream.readline()
        except OSError as problem:
            self._local.stream = None
            raise WorldFault("unavailable", f"no memory world answers at {self._path}: {problem.strerror}") from None
        if not line:
            self._local.stream = None
            raise WorldFault("unavailable", f"the memory world at {self._path} hung up")
        answer = json.loads(line)
        if answer[0] == "fault":
            raise WorldFault(answer[1], answer[2])
        return answer[1]

    def _stream(self) -> Any:
        stream = getattr(self._local, "stream", None)
        if stream is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(self._path)
            # A read's answer is one line of megabytes: by the default 8 KB at a time that is a call for each.
            stream = connection.makefile("rwb", buffering=_BUFFER_BYTES)
            self._local.stream = stream
        return stream


class _Handler(socketserver.StreamRequestHandler):
    world: MemoryWorld

    def handle(self) -> None:
        for line in self.rfile:
            method, arguments, keywords = json.loads(line)
            answer: list[Any]
            if method not in _METHODS:
                answer = ["fault", "invalid", f"no method {method}"]
            else:
                try:
                    answer = ["ok", getattr(self.world, method)(*arguments, **keywords)]
                except WorldFault as fault:
                    answer = ["fault", fault.kind, fault.summary]
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 256


def serve(path: str) -> None:
    """Serves one world at the socket until the process ends."""
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    handler = type("Handler", (_Handler,), {"world": MemoryWorld()})
    with _Server(path, handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
