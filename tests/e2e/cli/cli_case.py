"""A project whose region is a memory world in a process of its own, and the `dpaas` command run in it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from declarative_paas.providers.memory.remote import RemoteWorld

DPAAS = [sys.executable, "-m", "declarative_paas.cli"]

SHOP: dict[str, Any] = {
    "region": "us",
    "source": {"path": "./src"},
    "config": {"LOG_LEVEL": "info", "SESSION_KEY": {"generate": 32}},
    "formation": {"web": {"command": "./serve", "size": "standard-1x", "quantity": 2}},
    "addons": [{"plan": "postgres:standard-0", "as": "DATABASE"}],
}


class Stage:
    """Removed with its world by `close`."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dpaas-cli-"))
        (self.directory / "src").mkdir()
        (self.directory / "src" / "index.html").write_text("<h1>shop</h1>\n")
        self.world_process = subprocess.Popen(
            [sys.executable, "-m", "declarative_paas.providers.memory.remote", "world.sock"],
            cwd=self.directory,
            stdout=subprocess.PIPE,
        )
        assert self.world_process.stdout is not None
        assert self.world_process.stdout.readline() == b"ready\n"
        self.options: dict[str, Any] = {"socket": "world.sock"}
        self.apps: dict[str, dict[str, Any]] = {"shop": json.loads(json.dumps(SHOP))}
        self.write()

    @property
    def world(self) -> RemoteWorld:
        return RemoteWorld(str(self.directory / "world.sock"))

    def write(self) -> None:
        region = {"provider": "memory", "options": self.options}
        documents: list[dict[str, Any]] = [
            {"kind": "Platform", "metadata": {"name": "acme"}, "spec": {"regions": {"us": region}}},
            *({"kind": "App", "metadata": {"name": name}, "spec": spec} for name, spec in self.apps.items()),
        ]
        (self.directory / "dpaas.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))

    def run(
        self,
        *arguments: str,
        expect: int = 0,
        stdin: str | bytes = "",
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command without a terminal; fails the test on another exit code or a traceback."""
        done = subprocess.run(
            [*DPAAS, *arguments],
            cwd=cwd or self.directory,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=120,
            env=environment_of(environment),
        )
        result = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
        told = f"dpaas {' '.join(arguments)}\n{result.stdout}\n{result.stderr}"
        assert result.returncode == expect, f"exit code {result.returncode}, not {expect}: {told}"
        assert "Traceback" not in told and "internal error" not in told, told
        return result

    def apply(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run("apply", "--auto-approve", *arguments, expect=expect)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts the command and goes on."""
        return subprocess.Popen(
            [*DPAAS, *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment_of(None),
        )

    def on_terminal(
        self, arguments: Sequence[str], answers: Sequence[tuple[str, str]], *, expect: int, colour: bool = False
    ) -> str:
        """Runs the command on a terminal; types each answer once its question is on the screen."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [*DPAAS, *arguments],
            cwd=self.directory,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            close_fds=True,
            start_new_session=True,
            env=environment_of({"TERM": "xterm"} if colour else {"TERM": "xterm", "NO_COLOR": "1"}),
        )
        os.close(slave)
        try:
            screen = _converse(master, list(answers))
            code = process.wait(30)
        finally:
            process.kill()
            process.wait()
            os.close(master)
        assert "Traceback" not in screen, screen
        assert code == expect, f"exit code {code}, not {expect}: {screen}"
        return screen

    def files(self) -> list[Path]:
        return [path for path in sorted(self.directory.rglob("*")) if path.is_file()]

    def close(self) -> None:
        self.world_process.kill()
        self.world_process.wait()
        assert self.world_process.stdout is not None
        self.world_process.stdout.close()
        shutil.rmtree(self.directory)


def environment_of(extra: Mapping[str, str] | None) -> dict[str, str]:
    """This process's environment without what would change the command's output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DPAAS_", "NO_COLOR"))}
    return {**kept, **(extra or {})}


def _converse(master: int, answers: list[tuple[str, str]], limit_s: float = 60.0) -> str:
    screen, read_until, end = "", 0, time.monotonic() + limit_s
    while time.monotonic() < end:
        if answers and answers[0][0] in screen[read_until:]:
            read_until = len(screen)
            os.write(master, f"{answers.pop(0)[1]}\n".encode())
        ready, _, _ = select.select([master], [], [], 0.2)
        if not ready:
            continue
        data = b""
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            data = os.read(master, 65536)
        if not data:
            return screen
        screen += data.decode(errors="replace")
    raise AssertionError(f"the command did not end within {limit_s} s: {screen}")
