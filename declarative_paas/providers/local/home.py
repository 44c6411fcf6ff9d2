"""Where a platform's files are, and as whom its processes run."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError

SERVICE_USER = "nobody"
"""Whom dynos, databases and router run as when started by root, unless the Platform names another."""

ROOT_DATA = Path("/var/lib/dpaas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """`data` holds what must survive; `run` is short (socket paths end at 107 bytes) and may be lost.

    `user` is the unprivileged user to run as, None when we are one already.
    """

    data: Path
    run: Path
    user: str | None


def find_home(home: Path, user: str | None) -> Home:
    """Makes the directories. Raises ProviderError when the user does not exist or a directory is not ours.

    As root the data must be reachable by the service user: where `.dpaas` lies below a private directory
    (such as /root), the data goes to /var/lib/dpaas instead, under a name derived from the home's path.
    """
    home.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    runs_as = service_user(user)
    data = home
    if runs_as is not None and not _open_to_all(home.resolve()):
        data = ROOT_DATA / name
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o755)
        ROOT_DATA.chmod(0o755)
    run = Path(tempfile.gettempdir()) / f"dpaas-{os.geteuid()}-{name}"
    _private_directory(run)
    return Home(data=data, run=run, user=runs_as)


def machine_ports() -> Path:
    """Where this user's platforms on this machine find each other's ports."""
    directory = Path(tempfile.gettempdir()) / f"dpaas-{os.geteuid()}-machine"
    _private_directory(directory)
    return directory / "ports"


def peek_run_directory(home: Path) -> Path:
    """The run directory's path, making nothing."""
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"dpaas-{os.geteuid()}-{name}"


def service_user(user: str | None) -> str | None:
    """Whom dynos run as: the named user or the default when we are root, None (ourselves) when not.

    Raises ProviderError for a user who does not exist, is root, or cannot be had without being root.
    """
    if os.geteuid() != 0:
        if user is not None and user != pwd.getpwuid(os.geteuid()).pw_name:
            raise ProviderError(ErrorKind.INVALID, f"only root can run dynos as user {user!r}")
        return None
    name = user or SERVICE_USER
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ProviderError(ErrorKind.INVALID, f"this machine has no user {name!r} to run dynos as") from None
    if entry.pw_uid == 0:
        raise ProviderError(ErrorKind.INVALID, "dynos must not run as root: name another user")
    return name


def _open_to_all(path: Path) -> bool:
    """Whether every directory on the way may be passed by anybody."""
    return all(directory.stat().st_mode & stat.S_IXOTH for directory in (path, *path.parents))


def _private_directory(path: Path) -> None:
    """Ours alone: a directory in the shared temporary place must not be somebody else's trap."""
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ProviderError(ErrorKind.CONFLICT, f"{path} exists and is not ours")
    path.chmod(0o711)
