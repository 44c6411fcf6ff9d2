"""Programs beside a server of this machine: plain subprocesses of the caller, passwords in files without names."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence

from declarative_paas.core.data import Process
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.account import SERVER_ENVIRONMENT
from declarative_paas.providers.addons.passfile import password_out_of

ERROR_LINES = 40
ERROR_LINE_BYTES = 4096


class LocalProcess:
    """A subprocess with unbuffered pipes; a thread keeps the end of its error output."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        assert child.stdin and child.stdout and child.stderr
        self._input, self._output, self._error_stream = child.stdin, child.stdout, child.stderr
        self._errors: collections.deque[bytes] = collections.deque(maxlen=ERROR_LINES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with self._error_stream as stream:
            while line := stream.readline(ERROR_LINE_BYTES):
                self._errors.append(line)

    def read(self, size: int) -> bytes:
        try:
            return self._output.read(size) or b""
        except ValueError:  # closed by `wait`
            return b""

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._input.write(rest) or 0 :]
        except ValueError:
            raise BrokenPipeError from None

    def close_input(self) -> None:
        with contextlib.suppress(OSError):
            self._input.close()

    def wait(self) -> int:
        self.close_input()
        status = self._child.wait()
        self._listener.join()
        self._output.close()
        return status

    def errors(self) -> str:
        return b"".join(self._errors).decode("utf-8", "replace")

    def kill(self) -> None:
        # With what it started: the group is its own, and its number is not given away before it was waited for.
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)


class LocalRunner:
    """Runs as the caller: a service account is shared by dynos, which could look into its processes."""

    def open(self, argv: Sequence[str], *, environment: Mapping[str, str], secrets: Mapping[str, Sensitive]) -> Process:
        revealed = {name: secret.reveal() for name, secret in secrets.items()}
        with password_out_of({**SERVER_ENVIRONMENT, **environment, **revealed}) as (clean, descriptors):
            try:
                child = subprocess.Popen(
                    list(argv),
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=dict(clean),
                    pass_fds=descriptors,
                    # A session of its own: a Ctrl-C at the terminal is the caller's to answer, in order.
                    start_new_session=True,
                )
            except OSError as problem:
                raise ProviderError(ErrorKind.UNAVAILABLE, f"cannot run {argv[0]}: {problem.strerror}") from None
        return LocalProcess(child)
