"""A connection to a key-value server by a program beside it: for servers whose port only their own side reaches."""

from __future__ import annotations

from typing import Final

from declarative_paas.core.data import Dial, Process, Runner, Stream

_PYTHON: Final = """\
import os, socket, sys, threading
server = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
server.settimeout(None)
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
    "cat <&4 >&3 & up=$!; cat <&3 & down=$!; wait -n; kill $up $down 2>&-; exit 0"
)

_CHOICE: Final = 'if command -v python3 >/dev/null; then exec python3 -c "$2" "$1"; fi; exec bash -c "$3" bash "$1"'


class ProcessStream:
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
    """Connects to 127.0.0.1:`port` where the runner's programs run; they need python3, or bash."""

    def dial() -> Stream:
        argv = ("sh", "-c", _CHOICE, "relay", str(port), _PYTHON, _BASH)
        return ProcessStream(runner.open(argv, environment={}, secrets={}))

    return dial
