"""The unprivileged account that servers run as, when the caller is root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError

SERVER_ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC"}
"""All that a server inherits: nothing of the caller's environment, which holds secrets, reaches it."""


def _switches(user: str | None) -> bool:
    # An ordinary user cannot become another one: everything runs as that user, whatever is asked.
    return user is not None and os.geteuid() == 0


def give(path: Path, user: str | None) -> None:
    """Makes `user` the owner of a path, when the caller is root."""
    if user is not None and _switches(user):
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def private_directory(path: Path, user: str | None) -> None:
    """A directory only `user` can enter (mode 0700), made when it is missing."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    give(path, user)


def open_directory(path: Path) -> None:
    """A directory of the caller's that every account can enter (mode 0755), with its missing parents."""
    if not path.is_dir():
        open_directory(path.parent)
        path.mkdir(exist_ok=True)
        # Explicitly: a umask of 077 would lock the server's account out.
        path.chmod(0o755)


def run_as(
    user: str | None, command: Sequence[str], *, cwd: Path, timeout_s: float, failure: str
) -> subprocess.CompletedProcess[str]:
    """Runs a short command as `user`. Raises ProviderError (FAILED) with its last lines when it fails."""
    entry = pwd.getpwnam(user) if user is not None and _switches(user) else None
    try:
        done = subprocess.run(
            list(command),
            cwd=cwd,
            env=dict(SERVER_ENVIRONMENT),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            user=entry.pw_uid if entry else None,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
        )
    except PermissionError as problem:
        raise ProviderError(
            ErrorKind.INVALID,
            f"{failure}: the account {user or 'running this'} may not use {problem.filename or command[0]}; "
            "a directory above it is closed to that account",
        ) from None
    except subprocess.TimeoutExpired:
        raise ProviderError(ErrorKind.FAILED, f"{failure}: no end within {timeout_s:g} s") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ProviderError(ErrorKind.FAILED, f"{failure}: exit status {done.returncode}", detail=lines[-10:])
    return done
