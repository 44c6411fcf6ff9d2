"""A dyno's own file system: made from the slug at every start, gone at the end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from declarative_paas.providers.runtime import launch
from declarative_paas.providers.runtime.launch import Account
from declarative_paas.providers.runtime.spec import DynoSpec

_SEARCH = "/usr/local/bin:/usr/bin:/bin"
# A program may leave directories that it cannot write itself, as Go's module cache is.
_REMOVE = 'rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1" && rm -rf -- "$1"; }'


class WorkspaceError(Exception):
    """A slug that cannot be extracted, or a directory that cannot be made. Says why."""


def prepare(spec: DynoSpec, become: Account | None) -> Path:
    """Makes a fresh `spec.home` with the slug in it; returns the dyno's directory for temporary files.

    Whatever an earlier start left there is removed first. Raises WorkspaceError, having removed what it made.
    """
    remove(spec)
    root = spec.working_root / spec.id
    temporary = root / "tmp"
    try:
        root.mkdir(parents=True, mode=0o755)
        # The umask may be narrower than the dyno's user needs.
        root.chmod(0o755)
        for directory in (spec.home, temporary):
            directory.mkdir(mode=0o700)
            if become is not None:
                os.chown(directory, become.uid, become.gid)
        _extract(spec, become)
    except OSError as wrong:
        remove(spec)
        raise WorkspaceError(f"cannot make {wrong.filename or root}: {wrong.strerror}") from wrong
    except WorkspaceError:
        remove(spec)
        raise
    return temporary


def remove(spec: DynoSpec) -> None:
    """Removes the dyno's directory, if there is one; what cannot be removed is left to the next start."""
    root = spec.working_root / spec.id
    if root.exists():
        launch.run(("/bin/sh", "-c", _REMOVE, "sh", str(root)), environment={"PATH": _SEARCH}, directory=Path("/"))


def _extract(spec: DynoSpec, become: Account | None) -> None:
    """By `tar`, as the dyno's user: files are his at once, and an archive can harm nobody else's."""
    tar = shutil.which("tar", path=_SEARCH)
    if tar is None:
        raise WorkspaceError("there is no tar program to extract the slug with")
    reading, writing = os.pipe()
    try:
        with spec.slug_archive.open("rb") as archive:
            pid = launch.spawn(
                (tar, "-xozf", "-"),
                environment={"PATH": _SEARCH, "LANG": "C.UTF-8"},
                directory=spec.home,
                become=become,
                standard=(archive.fileno(), writing, writing),
            )
    except launch.LaunchError as wrong:
        os.close(reading)
        raise WorkspaceError(str(wrong)) from wrong
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as told:
        problem = told.read().decode("utf-8", "replace").strip()
    if os.waitpid(pid, 0)[1] != 0:
        raise WorkspaceError(f"cannot extract the slug {spec.slug_archive}: {problem[-500:]}")
