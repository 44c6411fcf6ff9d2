"""A directory in which a document's commands run, with everything they start; gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from declarative_paas.providers.local.home import peek_run_directory
from declarative_paas.providers.memory.remote import RemoteWorld

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
BIN = Path(sys.executable).parent
COMMAND_TIMEOUT_S = 240
_MAKE = re.compile(r"^make(\s|$)")
_LEFT_OUT = shutil.ignore_patterns(".dpaas", "__pycache__", "*.pyc")


class DocumentProject:
    """`name` is `empty`, `checkout` (the examples, as in a clone) or one example. `close` leaves nothing behind.

    On `memory` every region that a manifest puts on provider local is put on a memory platform, which lives
    in a process of its own so that it outlives each command.
    """

    def __init__(self, name: str, provider: str) -> None:
        # Not pytest's tmp_path: under root it is closed to the unprivileged user that dynos run as.
        self.root = Path(tempfile.mkdtemp(prefix="dpaas-docs-"))
        self.root.chmod(0o755)
        self.directory = self.root / "project"
        self._world: subprocess.Popen[str] | None = None
        self._on_memory = provider == "memory"
        try:
            self._fill(name)
            if self._on_memory:
                self._start_world()
            elif provider != "local":
                raise ValueError(f"no provider {provider!r} runs documents: local or memory")
        except BaseException:
            self.close()
            raise

    def _fill(self, name: str) -> None:
        if name == "empty":
            self.directory.mkdir()
        elif name == "checkout":
            shutil.copytree(EXAMPLES, self.directory / "examples", ignore=_LEFT_OUT)
        else:
            shutil.copytree(EXAMPLES / name, self.directory, ignore=_LEFT_OUT)
        if self._on_memory:
            for path in self.directory.rglob("*.yaml"):
                self.write(str(path.relative_to(self.directory)), path.read_text(encoding="utf-8"))

    def write(self, path: str, text: str) -> None:
        """A file of the document's own, with the directories it lies in; a manifest that is already there changes."""
        if self._on_memory:
            on_memory = f"provider: memory, options: {{socket: {self._socket}}}"
            text = re.sub(r"provider: local\b", on_memory, text)
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def run(self, command: str) -> tuple[int, str]:
        """Exit code, and what was printed to both streams. `cd` holds for later commands; of `make` it is only
        checked that the repository has the target."""
        if command.startswith("cd "):
            self.directory = (self.directory / command.removeprefix("cd ").strip()).resolve(strict=True)
            return 0, ""
        if _MAKE.match(command):
            command, where = command.replace("make", "make --dry-run", 1), REPOSITORY
        else:
            where = self.directory
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=where,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
            env={**os.environ, "NO_COLOR": "1", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        )
        return done.returncode, done.stdout

    def outside(self, method: str, *arguments: str) -> None:
        """Does something to the memory platform behind the engine's back."""
        RemoteWorld(self._socket).call(method, *arguments)

    @property
    def _socket(self) -> str:
        return str(self.root / "world")

    def _start_world(self) -> None:
        self._world = subprocess.Popen(
            [sys.executable, "-m", "declarative_paas.providers.memory.remote", self._socket],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._world.stdout is not None
        assert self._world.stdout.readline() == "ready\n"

    def close(self) -> None:
        homes = [path for path in self.root.rglob(".dpaas") if (path / "state.db").exists()]
        runs = [peek_run_directory(home) for home in homes]
        for home in homes:
            subprocess.run([BIN / "dpaas", "down"], cwd=home.parent, capture_output=True, timeout=120, check=False)
        if self._world is not None:
            self._world.kill()
            self._world.wait()
            if self._world.stdout is not None:
                self._world.stdout.close()
        for process in processes_of([self.root, *runs]):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for directory in [self.root, *runs]:
            shutil.rmtree(directory, ignore_errors=True)


def processes_of(directories: list[Path]) -> list[psutil.Process]:
    """Every process that works in one of the directories, or names it on its command line."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            where = " ".join([*process.cmdline(), process.cwd()])
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(str(directory) in where for directory in directories):
            found.append(process)
    return found
