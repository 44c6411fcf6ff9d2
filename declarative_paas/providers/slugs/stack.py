"""The local stack: what this machine offers a dyno of a certain user. Tried, not assumed."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.slugs.account import run_as

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

_PIP_SCRIPT = '#!/bin/sh\nexec python3 -m pip "$@"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """`path` is PATH for builds and dynos, `python` the interpreter behind its `python3`.

    `directory` is the stack's own: programs are linked in `bin` there.
    """

    path: str
    python: str
    directory: Path
    user: str | None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def bin(self) -> Path:
        return self.directory / "bin"

    @property
    def digest(self) -> str:
        """Changes with what a build's result depends on: the machine's kind and the languages' versions."""
        return hashlib.sha256(repr(sorted(self.versions.items())).encode()).hexdigest()

    def has(self, program: str) -> bool:
        """Whether the stack offers the program; `npm` comes with `node`."""
        return program in self.versions or (program == "npm" and "node" in self.versions)


def local_stack(user: str | None, directory: Path) -> Stack:
    """Finds the programs that `user` (None: ourselves) can run. `directory` is ours to keep helpers in.

    Raises ProviderError when there is no Python at all: the static server and Python apps need one.
    """
    python, python_version = _first(_python_candidates(), user)
    if python is None:
        raise ProviderError(
            ErrorKind.INVALID,
            f"no python3 on this machine can be run by {user or 'this user'}: install the system's python3",
        )
    node, node_version = _first(_node_candidates(), user)
    stack = Stack(
        path=":".join(_path(directory / "bin", node)),
        python=python,
        directory=directory,
        user=user,
        versions={
            "machine": f"{sys.platform}-{platform.machine()}",
            "python3": python_version,
            **({"node": node_version} if node is not None else {}),
        },
    )
    _offer_python(stack)
    return stack


def output_of(command: list[str], user: str | None) -> str | None:
    """What the program prints when run as the user, in a clean environment; None when it cannot be run."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            cwd="/",
            env={"PATH": SYSTEM_PATH},
            **run_as(user),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _first(candidates: Iterator[str], user: str | None) -> tuple[str | None, str]:
    for program in candidates:
        version = output_of([program, "--version"], user)
        if version:
            return program, version
    return None, ""


def _python_candidates() -> Iterator[str]:
    """Real interpreters: a virtual environment's would bring its own packages into every dyno."""
    yield str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    for directory in _search_path():
        candidate = directory / "python3"
        if candidate.exists() and not (directory.parent / "pyvenv.cfg").exists():
            resolved = candidate.resolve()
            if resolved.name.startswith("python"):
                yield str(resolved)


def _node_candidates() -> Iterator[str]:
    """As found, not resolved: `npm` must lie beside it."""
    for directory in _search_path():
        if (directory / "node").exists() and (directory / "npm").exists():
            yield str(directory / "node")


def _search_path() -> Iterator[Path]:
    for part in [*os.environ.get("PATH", "").split(":"), *SYSTEM_PATH.split(":")]:
        if part:
            yield Path(part)


def _path(bin_directory: Path, node: str | None) -> list[str]:
    directories = [str(bin_directory)]
    if node is not None and str(Path(node).parent) not in SYSTEM_PATH.split(":"):
        directories.append(str(Path(node).parent))
    return directories + SYSTEM_PATH.split(":")


def _offer_python(stack: Stack) -> None:
    stack.bin.mkdir(parents=True, exist_ok=True)
    stack.bin.chmod(0o755)
    for name in ("python3", "python"):
        link = stack.bin / name
        if not (link.is_symlink() and str(link.readlink()) == stack.python):
            fresh = _fresh(link)
            fresh.symlink_to(stack.python)
            fresh.replace(link)
    for name in ("pip", "pip3"):
        script = stack.bin / name
        if not script.exists():
            fresh = _fresh(script)
            fresh.write_text(_PIP_SCRIPT, encoding="ascii")
            fresh.chmod(0o755)
            fresh.replace(script)


def _fresh(path: Path) -> Path:
    """A name beside it of our own: other threads and processes may make the same stack now."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    fresh.unlink(missing_ok=True)
    return fresh
