"""Starts a process as a dyno's: another user, a session of its own, limits, and dead when we die.

By fork and exec, without `subprocess`: the order of these steps matters (dropping the uid clears the
parent-death signal), and a runner must stay small.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import resource
import signal
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_OPEN_FILES = 10_000
"""Heroku's limit of open files a process."""

_libc: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class LaunchError(Exception):
    """A process that could not be started; says which step failed and why, and no environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user to become."""

    name: str
    uid: int
    gid: int


def account(user: str | None) -> Account | None:
    """Whom to become: None when we are not root, or nobody is named. Raises LaunchError for an unknown user."""
    if user is None or os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise LaunchError(f"there is no user {user}") from None
    return Account(name=user, uid=entry.pw_uid, gid=entry.pw_gid)


def adopt_orphans() -> None:
    """From now on a dyno's processes whose parent ends become ours, not init's: none can hide. Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(parent: int, signal_number: int) -> None:
    """Have the kernel send us the signal when our parent ends, however it ends. Linux only."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        # It may have ended before we asked.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal_number)


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    become: Account | None = None,
    standard: tuple[int, int, int] = (0, 1, 2),
    pids: int | None = None,
    controlling_terminal: bool = False,
) -> int:
    """Starts `argv` in a session of its own and returns its pid, which is its process group too.

    `standard` are the descriptors that become stdin, stdout and stderr; no other one is inherited.
    Raises LaunchError when a step fails, the exec included.
    """
    report, trouble = os.pipe()
    parent = os.getpid()
    # No signal may meet the child between fork and exec: our handlers would swallow it there.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _in_child(argv, environment, directory, become, standard, pids, controlling_terminal, trouble, parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(trouble)
    with os.fdopen(report, "rb") as told:
        problem = told.read()
    if problem:
        os.waitpid(pid, 0)
        raise LaunchError(problem.decode("utf-8", "replace"))
    return pid


def run(argv: Sequence[str], **how: object) -> int:
    """Spawns, waits, returns the exit status as a shell counts it. Raises LaunchError."""
    pid = spawn(argv, **how)  # type: ignore[arg-type]  # the same keyword parameters as spawn
    return exit_status(os.waitpid(pid, 0)[1])


def exit_status(wait_status: int) -> int:
    """128 + N for a process that signal N ended, as shells and Heroku count."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code


def _in_child(
    argv: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    become: Account | None,
    standard: tuple[int, int, int],
    pids: int | None,
    controlling_terminal: bool,
    trouble: int,
    parent: int,
) -> NoReturn:
    step = "start a session"
    try:
        os.setsid()
        step = "connect the standard streams"
        _connect(standard, trouble)
        if controlling_terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        step = "set the limits"
        _limit(become, pids)
        step = f"become {become.name}" if become else ""
        if become:
            os.setgroups([])
            os.setgid(become.gid)
            os.setuid(become.uid)
        os.umask(0o022)
        # After the change of uid, which clears it.
        die_with(parent, signal.SIGKILL)
        if _libc is not None:
            # A set-uid program would escape our signals, and the parent-death signal with them.
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        step = f"enter {directory}"
        os.chdir(directory)
        step = f"run {argv[0]}"
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(argv[0], list(argv), dict(environment))
    except BaseException as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else type(wrong).__name__
        os.write(trouble, f"cannot {step}: {why}".encode())
    finally:
        os._exit(127)


def _connect(standard: tuple[int, int, int], keep: int) -> None:
    # Copies first: a source may itself be one of 0, 1, 2.
    copies = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3) for descriptor in standard]
    for number, copy in enumerate(copies):
        os.dup2(copy, number)
    # Ours are close-on-exec already; this closes what our own parent may have left open.
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)


def _limit(become: Account | None, pids: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if pids is not None and become is not None and become.name != "nobody":
        # The kernel counts all processes of a uid, so this is a dyno's own limit only where the uid is
        # made for it: for our own user or for nobody it would count other people's processes.
        resource.setrlimit(resource.RLIMIT_NPROC, (pids, pids))
    if sys.platform == "linux":
        # When the machine itself runs out of memory a dyno goes before a database does.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
