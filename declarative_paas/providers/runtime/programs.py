"""What supervisord runs, as values and as the text of its configuration files. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_RETRIES = 1_000_000
"""Never give a program up: supervisord waits one second longer after each quick failure by itself."""


class ProgramState(Enum):
    """supervisord's process states."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


GONE = frozenset({ProgramState.STOPPED, ProgramState.EXITED, ProgramState.FATAL})
"""The states in which no process of a program exists and none will by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One supervised process.

    `environment` must hold no secret: it stands in a file. A lower `priority` starts first and stops last.
    It counts as running after `start_seconds`; `stop_signal` (a name such as INT) is followed by SIGKILL to its
    process group after `stop_wait_s`. Its output goes to `log`, or to one kept by the supervisor, rotated
    at 1 MB. `user` counts only when we are root.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    priority: int = 500
    stop_signal: str = "TERM"
    stop_wait_s: int = 10
    autorestart: bool = True
    start_seconds: int = 1
    log: Path | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"not a program name: {self.name!r}")
        if not self.command:
            raise ValueError(f"program {self.name} has no command")
        texts = (*self.command, *self.environment, *self.environment.values(), str(self.directory), str(self.log))
        if any(_CONTROL.search(text) for text in texts):
            # supervisord's ini format cannot hold them, and no server's command line needs them.
            raise ValueError(f"program {self.name} has a control character in its definition")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStatus:
    """One program as supervisord sees it. `pid` is None when no process exists; `started_at` is Unix time."""

    name: str
    state: ProgramState
    pid: int | None
    started_at: int | None
    exit_status: int | None
    description: str


def program_ini(program: Program, *, directory: str, log: str, as_root: bool) -> str:
    """The program's file. `directory` and `log` are as `is_plain` wants paths."""
    lines = [
        f"[program:{program.name}]",
        f"command={_escape(_command(program))}",
        f"directory={_escape(directory)}",
        f"priority={program.priority}",
        # Only `put` starts a program, or supervisord itself when it starts; both need autostart.
        "autostart=true",
        f"autorestart={'true' if program.autorestart else 'false'}",
        f"startsecs={program.start_seconds}",
        f"startretries={_RETRIES if program.autorestart else 0}",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_wait_s}",
        "killasgroup=true",
        "redirect_stderr=true",
        # supervisord expands this one setting twice.
        f"stdout_logfile={_escape(_escape(log))}",
        "stdout_logfile_maxbytes=1MB",
        "stdout_logfile_backups=1",
    ]
    if program.user is not None and as_root:
        lines.append(f"user={_escape(program.user)}")
    return "\n".join(lines) + "\n"


def supervisor_ini(*, run_directory: str, identifier: str, open_files: int, as_root: bool) -> str:
    """supervisord's own file. All its paths are below the run directory, which is short and plain."""
    lines = [
        "[unix_http_server]",
        f"file={run_directory}/supervisor.sock",
        "chmod=0700",
        # For a person who looks in with supervisorctl -c this file.
        "[supervisorctl]",
        f"serverurl=unix://{run_directory}/supervisor.sock",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        f"identifier={identifier}",
        f"pidfile={run_directory}/supervisord.pid",
        f"logfile={run_directory}/log/supervisord.log",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        f"childlogdir={run_directory}/log",
        f"directory={run_directory}",
        f"minfds={open_files}",
        # The default of 200 makes it refuse to start for a user who may have fewer.
        "minprocs=1",
    ]
    if as_root:
        # Says that we mean it; without it supervisord warns at every start.
        lines.append("user=root")
    lines += ["[include]", "files=conf.d/*.ini"]
    return "\n".join(lines) + "\n"


def is_plain(path: Path) -> bool:
    """Whether the ini format can hold the path: a blank before `;` or `#` would start a comment."""
    text = str(path)
    return not re.search(r"\s[;#]", text) and text == text.strip()


def _command(program: Program) -> str:
    # Through env, not supervisord's `environment=`, whose format cannot hold every quote.
    assignments = [f"{name}={value}" for name, value in sorted(program.environment.items())]
    words = ("/usr/bin/env", *assignments, *program.command) if assignments else program.command
    return " ".join(_quote(word) for word in words)


def _quote(word: str) -> str:
    """One word of a command: as a POSIX shell reads it, and with no blank before `;` or `#`."""
    return re.sub(r"(?<=\s)([;#])", r"''\1", shlex.quote(word))


def _escape(text: str) -> str:
    return text.replace("%", "%%")
