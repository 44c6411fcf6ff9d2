"""Programs beside a server in a container: `core.data.Runner` by exec.

They run as the server's own account, whom the server trusts on its unix socket: the secrets that a caller has for
it are not needed, and go nowhere.
"""

from __future__ import annotations

import collections
import os
import select
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Final

from declarative_paas.core.data import Process
from declarative_paas.core.provider import ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.docker.engine import execute
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY
from declarative_paas.providers.docker.engine.stream import CHUNK, STDERR

MOST_WAITING_BYTES: Final = 1024 * 1024
"""In each direction: more makes the other side wait."""

END: Final = b""
"""Behind the last of the input."""

ERROR_BYTES: Final = 64 * 1024
KILL_TIMEOUT_S: Final = 10.0

# An engine has no call that ends an exec: its number, told first of all, is what `kill` needs.
_TOLD: Final = ("sh", "-c", 'echo $$ >&2; exec "$@"', "run")


class ExecRunner:
    """Starts programs in one container, found on its PATH. `secrets` are for servers that need them: not this one."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container

    def open(self, argv: Sequence[str], *, environment: Mapping[str, str], secrets: Mapping[str, Sensitive]) -> Process:
        program, *options = argv
        command = (*_TOLD, program.rpartition("/")[2], *options)
        return ExecProcess(self._engine, self._container, command, environment)


class ExecProcess:
    """A command whose streams one thread serves: a connection's two directions are not to be used by two at once."""

    def __init__(self, engine: Engine, container: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._engine, self._container = engine, container
        self._changed = threading.Condition()
        self._input = collections.deque[bytes]()
        self._output = collections.deque[bytes]()
        self._errors = bytearray()
        self._input_closed = self._ended = False  # after the end of its input the command reads b""
        self._status: int | None = None
        self._wake, self._woken = os.pipe()
        with ExitStack() as opened:
            opened.callback(os.close, self._wake)
            opened.callback(os.close, self._woken)
            self._command = opened.enter_context(
                execute.streamed(engine, container, command, user=NOBODY, environment=environment)
            )
            self._opened = opened.pop_all()
        self._pump = threading.Thread(target=self._serve, daemon=True)
        self._pump.start()

    def read(self, size: int) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._output or self._ended)
            if not self._output:
                return b""
            first = self._output.popleft()
            if len(first) > size:
                self._output.appendleft(first[size:])
            self._ring()
            return first[:size]

    def write(self, data: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: _length(self._input) < MOST_WAITING_BYTES or self._ended)
            if self._ended or self._input_closed:
                raise BrokenPipeError
            self._input.append(bytes(data))
            self._ring()

    def close_input(self) -> None:
        with self._changed:
            if not self._input_closed:
                self._input_closed = True
                self._input.append(END)
                self._ring()

    def wait(self) -> int:
        self.close_input()
        # Whoever waits does not read any more, and the command may not end before it has written all.
        while self.read(CHUNK):
            pass
        self._pump.join()
        return 255 if self._status is None else self._status

    def errors(self) -> str:
        with self._changed:
            return bytes(self._errors).partition(b"\n")[2].decode("utf-8", "replace")

    def kill(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: b"\n" in self._errors or self._ended)
            if self._ended:
                return
            number = bytes(self._errors).partition(b"\n")[0].decode()
        with suppress(ProviderError):
            command = ("kill", "-KILL", number)
            execute.run(self._engine, self._container, command, user=NOBODY, timeout_s=KILL_TIMEOUT_S)

    def _ring(self) -> None:
        """Has the pump look again. Called with the lock held: the pipe is closed under it, too."""
        if not self._ended:
            os.write(self._woken, b"!")

    def _serve(self) -> None:
        try:
            while self._turn():
                pass
            self._status = self._command.status()
        except (ProviderError, OSError):
            pass  # no status: the connection was lost, which is no success
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
                self._opened.close()

    def _turn(self) -> bool:
        """Moves what can be moved, or waits until something can; False at the command's end."""
        stream = self._command.stream
        with self._changed:
            data = self._input.popleft() if self._input else None
            has_room = _length(self._output) < MOST_WAITING_BYTES
            self._changed.notify_all()
        if data:
            stream.send(data)
        elif data is not None:
            stream.half_close()
        elif not (has_room and stream.pending):
            ready, _, _ = select.select([self._wake, *([stream.fileno()] if has_room else [])], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
        return self._take() if has_room else True

    def _take(self) -> bool:
        """Keeps the output that is there by now; False when there will be no more."""
        while True:
            try:
                frame = self._command.receive(0)
            except TimeoutError:
                return True
            if frame is None:
                return False
            with self._changed:
                if frame.stream == STDERR:
                    self._errors += frame.data[: ERROR_BYTES - len(self._errors)]
                else:
                    self._output.append(frame.data)
                self._changed.notify_all()
                if _length(self._output) >= MOST_WAITING_BYTES:
                    return True


def _length(pieces: collections.deque[bytes]) -> int:
    return sum(map(len, pieces))
