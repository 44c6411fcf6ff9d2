"""Runs one build command as the dyno's user and reports what it prints, line by line."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from declarative_paas.providers.slugs.account import run_as

KEPT_LINES = 50
MARKER = "DPAAS_BUILD"
"""Every process of a build carries it, with the build's own directory as its value."""

_LONGEST_LINE = 64 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")


class BuildFailed(Exception):
    """A build that did not work; `lines` are the last it printed, `exit_code` that of the command that failed."""

    def __init__(self, summary: str, lines: Sequence[str] = (), exit_code: int | None = None) -> None:
        super().__init__(summary)
        self.lines = tuple(lines)
        self.exit_code = exit_code


def run_command(
    command: str,
    *,
    directory: Path,
    environment: Mapping[str, str],
    user: str | None,
    on_line: Callable[[str], None],
    deadline: float,
) -> None:
    """Ends when the command does, and takes along whatever it left running.

    `deadline` is of the monotonic clock. Raises BuildFailed when the command fails or is not done by then.
    """
    process = subprocess.Popen[bytes](
        ["/bin/sh", "-c", command],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o022,
        **run_as(user),
    )
    last: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        for line in _lines(process, deadline):
            last.append(line)
            on_line(line)
        status = process.wait()
    except TimeoutError:
        raise BuildFailed(f"`{command}` did not end in time", last) from None
    finally:
        _kill_group(process)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if status != 0:
        ended = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        raise BuildFailed(f"`{command}` {ended}", last, status)


def kill_leftovers(marker: str) -> None:
    """Kills every process of a build, also those that left its process group, until none is there."""
    import psutil

    for _ in range(50):
        found = [process for process in psutil.process_iter() if _marker_of(process) == marker]
        if not found:
            return
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=0.2)


def _marker_of(process: object) -> str | None:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return process.environ().get(MARKER) if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError):
        return None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """What the command prints. A background process that keeps the pipe open does not keep us.

    Raises TimeoutError.
    """
    assert process.stdout is not None
    rest = b""
    ended = False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 and not ended:
                raise TimeoutError
            # Asked before reading: what was printed before the end is in the pipe by then.
            if not ended and process.poll() is not None:
                ended = True
                _kill_group(process)
            if not selector.select(timeout=0 if ended else min(left, 0.2)):
                if ended:
                    break
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = _LINE_END.split(rest + chunk)
            if len(rest) > _LONGEST_LINE:
                whole, rest = [*whole, rest], b""
            yield from (line.decode("utf-8", "replace") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")
