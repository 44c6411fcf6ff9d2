"""One-off dynos: run once, in the foreground or for their output, never restarted.

The dyno runs under a process of its own (`oneoff_runner`), not under the command: that one may have
threads and other children, and a dyno's keeper must adopt and reap every process it can see.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from declarative_paas.providers.runtime.spec import DynoSpec

CANNOT_START = 126
TIMED_OUT = 124
"""Exit statuses of our own, as shells and timeout(1) use them."""


def one_off_name(kind: str = "run") -> str:
    """A name such as `run.1234`."""
    return f"{kind}.{secrets.randbelow(9000) + 1000}"


def run_foreground(spec: DynoSpec) -> int:
    """Runs the dyno with our own stdin, stdout and stderr; returns its exit status.

    When we have a terminal the dyno gets one of its own, joined to ours. Ctrl-C goes to the dyno.
    Its output is not logged. `CANNOT_START` when it could not be started, and why is on stderr.
    """
    with _dyno_gets_interrupts(), _started(spec, ["foreground"], capture=False) as process:
        return _status(process.wait())


def run_captured(spec: DynoSpec, on_line: Callable[[str], None], timeout_s: float | None = None) -> int:
    """Runs the dyno without input; logs each line of its output and calls `on_line` with it.

    Returns its exit status; `TIMED_OUT` when it ran longer than `timeout_s` and was stopped;
    `CANNOT_START`, with the reason as a line, when it could not be started. Ctrl-C does not reach it.
    """
    mode = ["captured"] if timeout_s is None else ["captured", repr(timeout_s)]
    with _started(spec, mode, capture=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            on_line(line.removesuffix(b"\n").decode("utf-8", "replace"))
        return _status(process.wait())


@contextmanager
def _started(spec: DynoSpec, mode: list[str], *, capture: bool) -> Generator[subprocess.Popen[bytes]]:
    """The keeper of the dyno; told to stop it, and waited for, when we leave early."""
    reading, writing = os.pipe()
    checkout = str(Path(__file__).resolve().parents[3])
    path = os.environ.get("PYTHONPATH")
    try:
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "declarative_paas.providers.runtime.oneoff_runner"),
                *(str(reading), str(os.getpid()), *mode),
            ],
            env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{checkout}" if path else checkout},
            stdin=subprocess.DEVNULL if capture else None,
            stdout=subprocess.PIPE if capture else None,
            pass_fds=(reading,),
            # Its own session: a Ctrl-C at the terminal must not end a release phase half way.
            start_new_session=capture,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    with process:
        try:
            # Through a pipe: the command may be private, and others can read argument lists.
            with suppress(BrokenPipeError), os.fdopen(writing, "w", encoding="utf-8") as pipe:
                pipe.write(spec.to_json())
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


@contextmanager
def _dyno_gets_interrupts() -> Generator[None]:
    """While a foreground dyno runs a Ctrl-C is the dyno's business: we must live to report its status."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _status(code: int) -> int:
    return code if code >= 0 else 128 - code
