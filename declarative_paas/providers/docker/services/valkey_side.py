"""A Valkey server in a container as data that can be copied."""

from __future__ import annotations

from typing import Final

from declarative_paas.core.data import Dial, Process, Stream
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.valkey_config import ADMIN
from declarative_paas.providers.addons.valkey_port import ValkeyPort
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.services.exec_runner import ExecRunner
from declarative_paas.providers.docker.services.resp_exec import PORT

CONNECTED: Final = b"+connected\n"

_PYTHON: Final = f"""\
import os, socket, threading
server = socket.create_connection(("127.0.0.1", {PORT}), 15)
server.settimeout(None)
os.write(1, {CONNECTED!r})
def send():
    while data := os.read(0, 65536):
        server.sendall(data)
    server.shutdown(socket.SHUT_RDWR)
threading.Thread(target=send, daemon=True).start()
while data := server.recv(65536):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
"""

_BASH: Final = (
    f"exec 3<>/dev/tcp/127.0.0.1/{PORT} || exit 2; echo {CONNECTED.decode().strip()}; "
    "cat <&3 & reader=$!; cat >&3; kill $reader"
)

TUNNEL: Final = (
    "sh",
    "-c",
    'if command -v python3 >/dev/null; then exec python3 -c "$1"; fi; '
    'if command -v bash >/dev/null; then exec bash -c "$2"; fi; '
    "echo the image has neither python3 nor bash >&2; exit 127",
    "tunnel",
    _PYTHON,
    _BASH,
)
"""The server's port, both ways, once it has said CONNECTED; it ends with its input."""


class _Tunnel:
    """A running tunnel as a `Stream`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def read(self, size: int) -> bytes:
        return self._process.read(size)

    def write(self, data: bytes) -> None:
        self._process.write(data)

    def close(self) -> None:
        self._process.close_input()
        self._process.kill()


def container_port(engine: Engine, container: str, password: Sensitive) -> ValkeyPort:
    """As the server's administrator, over a tunnel of its own for each connection."""
    return ValkeyPort(dial=_dial(engine, container), username=ADMIN, password=password)


def _dial(engine: Engine, container: str) -> Dial:
    def dial() -> Stream:
        process = ExecRunner(engine, container).open(TUNNEL, environment={}, secrets={})
        said = b""
        while len(said) < len(CONNECTED) and (data := process.read(len(CONNECTED) - len(said))):
            said += data
        if said != CONNECTED:
            process.wait()
            lines = process.errors().strip().splitlines()[-1:]
            raise ProviderError(ErrorKind.UNAVAILABLE, f"{container} does not answer", detail=lines)
        return _Tunnel(process)

    return dial
