"""A connection to a key-value server by a program beside it: for servers whose port only their own side reaches."""

from __future__ import annotations

from typing import Final

from declarative_paas.core.data import Dial, Process, Runner, Stream
from declarative_paas.core.provider import ErrorKind, ProviderError

_CONNECTED: Final = b"+connected\n"

_PYTHON: Final = f"""\
import os, socket, sys, threading
server = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 15)
server.settimeout(None)
os.write(1, {_CONNECTED!r})
def up():
    while data := os.read(0, 65536):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := server.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""

# What runs behind an `&` has no input of its own: it is handed over by another number. Either end ends both.
_BASH: Final = (
    'exec 3<>"/dev/tcp/127.0.0.1/$1" 4<&0 || exit 2; '
    f"echo {_CONNECTED.decode().strip()}; "
    "cat <&4 >&3 & up=$!; cat <&3 & down=$!; wait -n; kill $up $down 2>&-; exit 0"
)

_CHOICE: Final = (
    'if command -v python3 >/dev/null; then exec python3 -c "$2" "$1"; fi; '
    'if command -v bash >/dev/null; then exec bash -c "$3" bash "$1"; fi; '
    "echo there is neither python3 nor bash >&2; exit 127"
)


class _Relay:
    """A program's two streams as a connection."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def read(self, size: int) -> bytes:
        return self._process.read(size)

    def write(self, data: bytes) -> None:
        self._process.write(data)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def relayed_dial(runner: Runner, port: int) -> Dial:
    """Connects to 127.0.0.1:`port` where the runner's programs run; they need python3, or bash.

    Dialling raises ProviderError (UNAVAILABLE) when nothing answers there.
    """

    def dial() -> Stream:
        argv = ("sh", "-c", _CHOICE, "relay", str(port), _PYTHON, _BASH)
        process = runner.open(argv, environment={}, secrets={})
        said = b""
        while len(said) < len(_CONNECTED) and (data := process.read(len(_CONNECTED) - len(said))):
            said += data
        if said != _CONNECTED:
            process.wait()
            lines = process.errors().strip().splitlines()[-1:]
            raise ProviderError(ErrorKind.UNAVAILABLE, f"nothing answers at port {port} of the server", detail=lines)
        return _Relay(process)

    return dial
