"""One-off dynos: with their output captured, or on the caller's terminal. Never restarted, always removed."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, execute
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.dyno_container import Dyno, create_dyno
from declarative_paas.providers.docker.engine.lines import LineSplitter
from declarative_paas.providers.docker.engine.stream import CHUNK, STDERR, STDOUT, EngineStream

_SLICE_S: Final = 0.2


def run_captured(
    engine: Engine,
    dyno: Dyno,
    on_line: Callable[[str], None],
    *,
    timeout_s: float | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    ended: Callable[[], object] = lambda: None,
) -> int:
    """Runs it to its end and returns its exit status; `on_line` gets what it prints. `ended` is called before the
    container is removed.

    Raises ProviderError: FAILED when it is not done in `timeout_s`, CANCELLED; it is ended then.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    once = replace(dyno, restarts=False, terminal=False, stdin=False)
    with _attached(engine, once, ended) as stream:
        containers.start(engine, once.name)
        # A line is of one stream: pieces of the two must not be put together.
        streams = {STDOUT: LineSplitter(on_line), STDERR: LineSplitter(on_line)}
        while True:
            if cancelled():
                raise ProviderError(ErrorKind.CANCELLED, f"{once.name} was cancelled")
            if deadline is not None and time.monotonic() > deadline:
                raise ProviderError(ErrorKind.FAILED, f"{once.name} did not end within {timeout_s:g} s")
            with engine.told(f"read the output of {once.name}"), suppress(TimeoutError):
                frame = stream.receive(_SLICE_S)
                if frame is None:
                    break
                streams[frame.stream].feed(frame.data)
        for lines in streams.values():
            lines.end()
        return _exit_status(engine, once.name)


def run_foreground(engine: Engine, dyno: Dyno, *, ended: Callable[[], object] = lambda: None) -> int:
    """Runs it on the caller's standard streams, with a terminal when ours are one; its exit status.

    Ctrl-C and the window's size go to the dyno; it is ended when we are asked to end. `ended` is called before the
    container is removed. Raises ProviderError.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    kind = {name: os.environ[name] for name in ("TERM", "COLORTERM") if terminal and name in os.environ}
    once = replace(dyno, restarts=False, terminal=terminal, stdin=True, environment={**dyno.environment, **kind})
    with _attached(engine, once, ended) as stream:
        containers.start(engine, once.name)

        def resize() -> None:
            _resize(engine, once.name, is_exec=False)

        with _signals_passed_on(engine, once):
            pump(stream, terminal=terminal, resize=resize)
        return _exit_status(engine, once.name)


def foreground_exec(
    engine: Engine,
    container: str,
    argv: Sequence[str],
    *,
    user: str = "",
    environment: Mapping[str, str] | None = None,
) -> int:
    """A command in a running container, on the caller's standard streams; its exit status. Raises ProviderError."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with execute.streamed(
        engine, container, argv, stdin=True, terminal=terminal, user=user, environment=environment
    ) as command:

        def resize() -> None:
            _resize(engine, command.id, is_exec=True)

        pump(command.stream, terminal=terminal, resize=resize)
        return command.status()


def pump(stream: EngineStream, *, terminal: bool, resize: Callable[[], None] = lambda: None) -> None:
    """Our standard input to the stream, its output to ours, until it ends."""
    source = sys.stdin.fileno()
    with _raw(source if terminal else None), _on_resize(resize if terminal else None):
        reading = True
        while True:
            while stream.pending:
                frame = stream.receive()
                if frame is None:
                    return
                _write(2 if frame.stream == STDERR else 1, frame.data)
            waiting = [stream.fileno(), *([source] if reading else [])]
            ready, _, _ = select.select(waiting, [], [])
            if source in ready:
                data = os.read(source, CHUNK)
                if data:
                    stream.send(data)
                else:
                    reading = False
                    stream.half_close()
            if stream.fileno() in ready:
                frame = stream.receive()
                if frame is None:
                    return
                _write(2 if frame.stream == STDERR else 1, frame.data)


@contextmanager
def _attached(engine: Engine, dyno: Dyno, ended: Callable[[], object]) -> Generator[EngineStream]:
    """The streams of a container that is made and not started yet: nothing it prints is missed."""
    create_dyno(engine, dyno)
    try:
        with _attach(engine, dyno) as stream:
            yield stream
    finally:
        ended()
        with suppress(ProviderError):
            containers.remove(engine, dyno.name, dyno.labels)


def _attach(engine: Engine, dyno: Dyno) -> EngineStream:
    with engine.told(f"attach to {dyno.name}"):
        api = engine.api
        response = api._post(
            api._url("/containers/{0}/attach", dyno.name),
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            params={"stream": 1, "stdout": 1, "stderr": 1, "stdin": int(dyno.stdin), "logs": 0},
            stream=True,
        )
        api._raise_for_status(response)
        return EngineStream(response, terminal=dyno.terminal)


def _exit_status(engine: Engine, name: str) -> int:
    with engine.told(f"wait for {name}"):
        ended: Any = engine.api.wait(name, timeout=60)
    return int(ended["StatusCode"])


def _resize(engine: Engine, identifier: str, *, is_exec: bool) -> None:
    import docker.errors

    size = os.get_terminal_size(1)
    # One that has just ended has no window any more.
    with suppress(docker.errors.APIError):
        if is_exec:
            engine.api.exec_resize(identifier, height=size.lines, width=size.columns)
        else:
            engine.api.resize(identifier, height=size.lines, width=size.columns)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _raw(descriptor: int | None) -> Generator[None]:
    """The terminal passes every key on: the terminal inside does the rest."""
    if descriptor is None:
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        # What was typed ahead of the dyno's start is the dyno's.
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _signals_passed_on(engine: Engine, dyno: Dyno) -> Generator[None]:
    """On a terminal Ctrl-C is a key; elsewhere it is a signal to us, and meant for the dyno."""

    def interrupt() -> None:
        with suppress(ProviderError), engine.told(f"interrupt {dyno.name}"):
            engine.api.kill(dyno.name, "SIGINT")

    def stop() -> None:
        with suppress(ProviderError):
            containers.stop(engine, dyno.name, dyno.stop_timeout_s)

    def beside(action: Callable[[], None]) -> Callable[[int, object], None]:
        # Its output is read on meanwhile, and so is its end.
        return lambda _signal, _frame: threading.Thread(target=action, daemon=True).start()

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: stop, signal.SIGHUP: stop}
    before = {number: signal.signal(number, beside(action)) for number, action in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _on_resize(resize: Callable[[], None] | None) -> Generator[None]:
    if resize is None:
        yield
        return
    resize()
    before = signal.signal(signal.SIGWINCH, lambda _signal, _frame: resize())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
