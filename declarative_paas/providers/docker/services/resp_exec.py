"""A Valkey server in a container, as its administrator reaches it: a batch of commands through one exec."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.resp import Reply, ReplyError, command_bytes, read_reply
from declarative_paas.providers.addons.valkey_config import ADMIN
from declarative_paas.providers.docker.engine import execute
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY

PORT: Final = 6379
ANSWER_TIMEOUT_S: Final = 120.0
NOT_CONNECTED: Final = 2

_PYTHON: Final = f"""\
import socket, sys
try:
    server = socket.create_connection(("127.0.0.1", {PORT}), 5)
except OSError as problem:
    sys.exit(print(problem, file=sys.stderr) or {NOT_CONNECTED})
server.settimeout({ANSWER_TIMEOUT_S})
server.sendall(sys.stdin.buffer.read())
for part in iter(lambda: server.recv(65536), b""):
    sys.stdout.buffer.write(part)
"""

_BASH: Final = f"exec 3<>/dev/tcp/127.0.0.1/{PORT} || exit {NOT_CONNECTED}; cat >&3; cat <&3"

TUNNEL: Final = (
    "sh",
    "-c",
    'ulimit -Hn; if command -v python3 >/dev/null; then exec python3 -c "$1"; fi; '
    'if command -v bash >/dev/null; then exec bash -c "$2"; fi; '
    "echo the image has neither python3 nor bash >&2; exit 127",
    "tunnel",
    _PYTHON,
    _BASH,
)
"""The server's port for our input and output; the first line is how many files a process there may open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """`files`: how many files the server may open at most, None for any number."""

    files: int | None
    replies: Sequence[Reply]


def ask(engine: Engine, container: str, password: Sensitive, commands: Sequence[Sequence[str | int]]) -> Answers:
    """The replies to an administrator's commands, in their order.

    Raises ProviderError: UNAVAILABLE when the server does not answer, FAILED when it refuses a command.
    """
    sent = [("AUTH", ADMIN, password.reveal()), *commands, ("QUIT",)]
    done = execute.run(
        engine,
        container,
        TUNNEL,
        stdin=b"".join(command_bytes(*command) for command in sent),
        user=NOBODY,
        timeout_s=ANSWER_TIMEOUT_S,
    )
    stream = io.BytesIO(done.stdout)
    files = stream.readline().strip()
    if done.status != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise ProviderError(ErrorKind.UNAVAILABLE, f"{container} does not answer", detail=lines)
    try:
        read_reply(stream)
        replies = [_reply(container, stream, command) for command in commands]
    except (OSError, ReplyError) as problem:
        summary = f"{container} does not answer as it should"
        raise ProviderError(ErrorKind.UNAVAILABLE, summary, detail=[str(problem)]) from None
    return Answers(files=int(files) if files.isdigit() else None, replies=replies)


def _reply(container: str, stream: io.BytesIO, command: Sequence[str | int]) -> Reply:
    try:
        return read_reply(stream)
    except ReplyError as problem:
        raise ProviderError(ErrorKind.FAILED, f"{container} refused {command[0]}: {problem}") from None
