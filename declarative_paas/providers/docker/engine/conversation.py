"""A program in a container that answers each line of JSON with one.

Starting a command in a container costs an engine a twentieth of a second, and the program its own start; asking one
that runs costs a millisecond.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.execute import Command, streamed
from declarative_paas.providers.docker.engine.stream import STDERR

KEPT_LINES = 5


class ConversationEnded(ProviderError):
    """The program, or its container, ended without an answer. `status` is its exit status, None where nobody knows;
    `detail` the last lines of its complaint."""

    def __init__(self, summary: str, *, status: int | None, detail: Sequence[str]) -> None:
        super().__init__(ErrorKind.UNAVAILABLE, summary, detail=detail)
        self.status = status


class Conversation:
    """Begun by its first question, and anew by the next one after it was cut off. Not for two threads at once."""

    def __init__(self, engine: Engine, container: str, argv: Sequence[str], *, user: str = "") -> None:
        self._engine = engine
        self._container = container
        self._argv = argv
        self._user = user
        self._opened: tuple[ExitStack, Command] | None = None

    @property
    def is_begun(self) -> bool:
        """Whether the program runs, as far as we know: its container may have ended meanwhile."""
        return self._opened is not None

    def ask(self, question: Mapping[str, Any], *, timeout_s: float) -> Mapping[str, Any]:
        """The answer. Raises ConversationEnded, ProviderError, TimeoutError; all of them end the conversation."""
        try:
            command = self._command()
            command.send(json.dumps(question).encode() + b"\n")
            found: Mapping[str, Any] = json.loads(self._line(command, time.monotonic() + timeout_s))
            return found
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """The program's input ends, and with it the program. A no-op when it is not begun."""
        if self._opened is not None:
            stack, self._opened = self._opened[0], None
            stack.close()

    def _command(self) -> Command:
        if self._opened is None:
            with ExitStack() as stack:
                command = stack.enter_context(streamed(self._engine, self._container, self._argv, user=self._user))
                self._opened = stack.pop_all(), command
        assert self._opened is not None
        return self._opened[1]

    def _line(self, command: Command, deadline: float) -> bytes:
        said, complaint = bytearray(), bytearray()
        while not said.endswith(b"\n"):
            frame = command.receive(max(0.0, deadline - time.monotonic()))
            if frame is None:
                raise self._ended(command, bytes(complaint))
            (complaint if frame.stream == STDERR else said).extend(frame.data)
        return bytes(said)

    def _ended(self, command: Command, complaint: bytes) -> ConversationEnded:
        status: int | None = None
        with suppress(ProviderError):
            status = command.status()
        return ConversationEnded(
            f"{self._argv[0]} in {self._container} of {self._engine.where} ended",
            status=status,
            detail=complaint.decode("utf-8", "replace").strip().splitlines()[-KEPT_LINES:],
        )


class Conversations:
    """As many as are asked at the same time, each kept for the next question. Usable from several threads."""

    def __init__(self, make: Callable[[], Conversation]) -> None:
        self._make = make
        self._idle: list[Conversation] = []
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Generator[Conversation]:
        """One that nobody else asks within the block."""
        with self._lock:
            conversation = self._idle.pop() if self._idle else None
        conversation = conversation or self._make()
        try:
            yield conversation
        finally:
            with self._lock:
                self._idle.append(conversation)

    def close(self) -> None:
        """Ends those that nobody asks now."""
        with self._lock:
            idle, self._idle = self._idle, []
        for conversation in idle:
            conversation.close()
