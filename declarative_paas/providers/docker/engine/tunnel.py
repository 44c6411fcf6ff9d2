"""The way to an engine over SSH: the user's own `ssh`, which forwards a local socket to the engine's.

Keys, agents, jump hosts and known hosts are as in the user's ssh configuration; nobody is asked anything.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from declarative_paas.core.provider import ErrorKind, ProviderError

ENGINE_SOCKET = "/var/run/docker.sock"
OPTIONS = (
    "-o BatchMode=yes",
    "-o ExitOnForwardFailure=yes",
    "-o ServerAliveInterval=15",
    "-o ServerAliveCountMax=4",
    "-o StreamLocalBindMask=0177",
)


class SshTunnel:
    """A running forward. It ends with `close`, or when the connection is lost."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path) -> None:
        self._process = process
        self._directory = directory

    @property
    def local_url(self) -> str:
        return f"unix://{self._directory / 'engine.sock'}"

    @classmethod
    def open(cls, url: str, *, timeout_s: float) -> SshTunnel:
        """`ssh://user@host[:port][/path/of/the/engine.sock]`. Raises ProviderError (UNAVAILABLE, with ssh's words)."""
        # A short directory: socket paths are limited to about 107 bytes.
        directory = Path(tempfile.mkdtemp(prefix="dpaas-ssh-"))
        process: subprocess.Popen[bytes] | None = None
        try:
            process = subprocess.Popen(
                ssh_command(url, directory / "engine.sock", connect_timeout_s=timeout_s),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            _wait_for(directory / "engine.sock", process, url, time.monotonic() + 2 * timeout_s)
        except FileNotFoundError:
            shutil.rmtree(directory, ignore_errors=True)
            raise ProviderError(ErrorKind.INVALID, f"{url} needs `ssh`, and this machine has none") from None
        except BaseException:
            if process is not None:
                _end(process)
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return cls(process, directory)

    def close(self) -> None:
        _end(self._process)
        shutil.rmtree(self._directory, ignore_errors=True)


def ssh_command(url: str, local: Path, *, connect_timeout_s: float) -> list[str]:
    """The argv that forwards `local` to the engine's socket. Pure."""
    parts = urlsplit(url)
    remote = parts.path if parts.path not in ("", "/") else ENGINE_SOCKET
    command = ["ssh", "-N", "-T"]
    for option in (*OPTIONS, f"-o ConnectTimeout={int(connect_timeout_s)}"):
        command += option.split(" ", 1)
    if parts.port is not None:
        command += ["-p", str(parts.port)]
    if parts.username is not None:
        command += ["-l", parts.username]
    # `--`: a host that begins with a dash is no option.
    return [*command, "-L", f"{local}:{remote}", "--", str(parts.hostname)]


def _wait_for(path: Path, process: subprocess.Popen[bytes], url: str, deadline: float) -> None:
    while True:
        if process.poll() is not None:
            assert process.stderr is not None
            words = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            raise ProviderError(
                ErrorKind.UNAVAILABLE, f"ssh cannot reach {url}: {words[-1] if words else 'it ended'}", detail=words
            )
        if path.exists():
            with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))
                return
        if time.monotonic() > deadline:
            raise ProviderError(ErrorKind.UNAVAILABLE, f"ssh did not reach {url} in time")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()
