"""Commands inside a running container: to their end, as a stream in both directions, or on the caller's terminal."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.stream import CHUNK, STDERR, EngineStream, Frame, StreamEnded


@runtime_checkable
class SupportsRead(Protocol):
    """A binary file, or anything that is read like one."""

    def read(self, size: int, /) -> bytes: ...


Input: TypeAlias = bytes | SupportsRead | Iterable[bytes]


class Finished(NamedTuple):
    """A command that ended. Unpacks as `(status, stdout, stderr)`."""

    status: int
    stdout: bytes
    stderr: bytes


class Command:
    """A running command: `send`, `half_close`, `receive` as of `EngineStream`, and its exit status at the end."""

    def __init__(self, engine: Engine, exec_id: str, stream: EngineStream, doing: str) -> None:
        self._engine = engine
        self._stream = stream
        self._doing = doing
        self.id = exec_id

    def send(self, data: bytes) -> None:
        """Raises ProviderError when the command reads no more."""
        with self._engine.told(self._doing):
            self._stream.send(data)

    def half_close(self) -> None:
        """The command's input ends here; its output goes on."""
        self._stream.half_close()

    def receive(self, timeout_s: float | None = None) -> Frame | None:
        """The next piece of output, None at its end. Raises TimeoutError, ProviderError."""
        try:
            return self._stream.receive(timeout_s)
        except StreamEnded as problem:
            raise ProviderError(ErrorKind.UNAVAILABLE, f"{self._doing}: {problem} ({self._engine.where})") from None

    def status(self) -> int:
        """The exit status; call it after `receive` gave None. 137 where the container ended under the command."""
        return _status(self._engine, self.id, self._doing)

    @property
    def stream(self) -> EngineStream:
        return self._stream


@contextmanager
def streamed(
    engine: Engine,
    container: str,
    argv: Sequence[str],
    *,
    stdin: bool = True,
    terminal: bool = False,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    workdir: str | None = None,
    privileged: bool = False,
) -> Generator[Command]:
    """Starts a command. Leaving the block closes the connection; the command then gets an end of input.

    Never put a secret into `argv`: it can be read in the container's process list. Raises ProviderError.
    """
    doing = f"run {argv[0]} in {container}"
    with engine.told(doing):
        made: Any = engine.api.exec_create(
            container,
            list(argv),
            stdin=stdin,
            tty=terminal,
            user=user,
            environment=dict(environment or {}),
            workdir=workdir,
            privileged=privileged,
        )
        stream = _start(engine, made["Id"], terminal=terminal)
    with stream:
        yield Command(engine, made["Id"], stream, doing)


def run(
    engine: Engine,
    container: str,
    argv: Sequence[str],
    *,
    stdin: Input | None = None,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    workdir: str | None = None,
    timeout_s: float | None = None,
) -> Finished:
    """Runs a command to its end. `stdin` may be bytes, a binary file or pieces; None is no input at all.

    A command that ends without reading all its input is no error: its status tells. Raises ProviderError; FAILED
    when it is not done in `timeout_s` (the command itself then goes on in the container).
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    out, errors = bytearray(), bytearray()
    with streamed(
        engine, container, argv, stdin=stdin is not None, user=user, environment=environment, workdir=workdir
    ) as command:
        if stdin is not None:
            _feed(command, stdin)
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                frame = command.receive(left)
            except TimeoutError:
                raise ProviderError(
                    ErrorKind.FAILED, f"{argv[0]} in {container} did not end within {timeout_s:g} s"
                ) from None
            if frame is None:
                break
            (errors if frame.stream == STDERR else out).extend(frame.data)
        return Finished(command.status(), bytes(out), bytes(errors))


def pieces(source: Input) -> Generator[bytes]:
    """An input as pieces of bytes."""
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, SupportsRead):
        while data := source.read(CHUNK):
            yield data
    else:
        yield from source


def _feed(command: Command, source: Input) -> None:
    try:
        for piece in pieces(source):
            command.stream.send(piece)
    except StreamEnded:
        return
    command.half_close()


def _start(engine: Engine, exec_id: str, *, terminal: bool) -> EngineStream:
    api = engine.api
    response = api._post_json(
        api._url("/exec/{0}/start", exec_id),
        headers={"Connection": "Upgrade", "Upgrade": "tcp"},
        data={"Tty": terminal, "Detach": False},
        stream=True,
    )
    api._raise_for_status(response)
    return EngineStream(response, terminal=terminal)


def _status(engine: Engine, exec_id: str, doing: str) -> int:
    """The engine notes the end a moment after it closed the streams."""
    deadline = time.monotonic() + 10
    while True:
        with engine.told(doing):
            found: Any = engine.api.exec_inspect(exec_id)
        if not found["Running"] and found["ExitCode"] is not None:
            return int(found["ExitCode"])
        if time.monotonic() > deadline:
            raise ProviderError(ErrorKind.FAILED, f"{doing}: it closed its output and goes on running")
        time.sleep(0.005)
