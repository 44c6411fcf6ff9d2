"""Whether git has a file: asked of git itself, which alone reads all forms of its index."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def is_tracked(path: Path) -> bool:
    """Whether the file is in the index of the repository around it. False without a repository, or without git."""
    folder = path.parent.resolve()
    if not any((parent / ".git").exists() for parent in [folder, *folder.parents]):
        return False
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        done = subprocess.run(
            # A repository can name a program to be run as its file watcher.
            ["git", "-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--", path.name],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
