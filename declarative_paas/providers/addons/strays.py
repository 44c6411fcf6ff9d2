"""Servers that outlived their supervisor: is the process of a pid file still the one that wrote it?"""

from __future__ import annotations

from pathlib import Path


def is_alive(pid_file: Path, of: Path) -> bool:
    """Whether the process named in the file's first line runs with `of` in its command.

    The number alone proves nothing: after a reboot it can be anybody's.
    """
    import psutil

    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        return str(of) in process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return False
