"""HAProxy's master socket: commands to its workers, the current one and those that a reload left behind."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.providers.router.errors import RouterError, RouterNotRunningError, WorkerGoneError

ANSWER_TIMEOUT_S = 10.0
# One command line must fit into HAProxy's buffer (16 KiB by default) with room to spare.
LONGEST_LINE_BYTES = 8000
# The master's words for a worker that has ended, or is about to.
_GONE = ("Can't find the target", "Can't connect to the target")


@dataclass(frozen=True, slots=True)
class Master:
    """The master process, by its socket."""

    path: Path

    def ask(self, line: str) -> str:
        """One command line (several commands joined by `;`) and its answer, stripped.

        Raises RouterNotRunningError when nobody listens or the answer does not come.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            try:
                connection.connect(str(self.path))
                connection.sendall(line.encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                parts: list[bytes] = []
                while part := connection.recv(65536):
                    parts.append(part)
            except OSError as failure:
                raise RouterNotRunningError(f"no answer from the router at {self.path}: {failure}") from None
        return b"".join(parts).decode("utf-8", "replace").strip()

    def workers(self) -> tuple[Worker, ...]:
        """All workers, the current one first. Raises RouterNotRunningError when there is no current one."""
        found = _parse_processes(self, self.ask("show proc"))
        if not any(worker.is_current for worker in found):
            raise RouterNotRunningError(f"the router at {self.path} has no worker")
        return found

    def reload(self) -> None:
        """Has the master read its config again; returns when a new worker has been forked.

        Raises RouterError with HAProxy's own words when it refuses the config. HAProxy before 2.7
        answers nothing: then a new worker's pid is the answer, which the caller waits for.
        """
        answer = self.ask("reload")
        if answer.startswith("Success=0"):
            raise RouterError(f"the router refused to reload: {answer}")


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process. Old ones take no new connections, but may keep some for long."""

    master: Master
    pid: int
    is_current: bool

    def ask(self, command: str) -> str:
        """The answer, stripped. Raises WorkerGoneError."""
        answer = self.master.ask(f"@!{self.pid} {command}")
        self._must_exist(answer)
        return answer

    def do(self, commands: Sequence[str]) -> None:
        """Commands that succeed silently, as few lines as possible, in order.

        Raises RouterError on any word, WorkerGoneError.
        """
        line = ""
        for command in commands:
            addressed = f"@!{self.pid} {command}"
            if line and len(line) + len(addressed) > LONGEST_LINE_BYTES:
                self._must_be_silent(line)
                line = ""
            line = f"{line};{addressed}" if line else addressed
        if line:
            self._must_be_silent(line)

    def _must_be_silent(self, line: str) -> None:
        answer = self.master.ask(line)
        self._must_exist(answer)
        if answer:
            raise RouterError(f"the router answered {answer!r} to {line!r}")

    def _must_exist(self, answer: str) -> None:
        if answer.startswith(_GONE):
            raise WorkerGoneError(f"the router's worker {self.pid} is gone")


def argument(text: str) -> str:
    """A value as one word of a command line."""
    return "".join(f"\\{character}" if character in " ;\\" else character for character in text)


def _parse_processes(master: Master, text: str) -> tuple[Worker, ...]:
    """`show proc`: sections `# workers` and `# old workers`, a line a process, pid first, type second."""
    current: list[Worker] = []
    old: list[Worker] = []
    into = current
    for line in text.splitlines():
        if line.startswith("#"):
            into = old if line.startswith("# old") else current
            continue
        match line.split():
            case [pid, "worker", *_] if pid.isdigit():
                into.append(Worker(master, int(pid), is_current=into is current))
            case _:
                pass
    return (*current, *old)
