"""The stacks of a repository: each directory that holds a Platform is one, in each environment that is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PASSED_OVER: Final = frozenset({"overlays", "node_modules", "vendor", "venv", "__pycache__"})
_SUFFIXES: Final = (".yaml", ".yml")
_PLATFORM: Final = re.compile(rb"^kind:\s*['\"]?Platform\b", re.MULTILINE)
_MOST_BYTES: Final = 10 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What one plan is made of. `paths` are relative to where the command runs."""

    paths: tuple[Path, ...]
    environment: str | None

    @property
    def name(self) -> str:
        """For messages."""
        where = ", ".join(str(path) for path in self.paths)
        return where if self.environment is None else f"{where} ({self.environment})"


def stacks_of(paths: Sequence[Path], environments: Sequence[str]) -> list[Stack]:
    """With paths one stack of them all; without, one for each directory below here that declares a Platform."""
    homes = [tuple(paths)] if paths else [(home,) for home in stack_directories(Path())]
    chosen: Sequence[str | None] = environments or [None]
    return [Stack(paths=home, environment=name) for home in homes for name in chosen]


def stack_directories(top: Path) -> Iterator[Path]:
    """Sorted. What lies below a Platform belongs to it."""
    for root, directories, names in os.walk(top):
        directories[:] = sorted(name for name in directories if name not in _PASSED_OVER and not name.startswith("."))
        if any(_declares_platform(Path(root, name)) for name in sorted(names) if name.endswith(_SUFFIXES)):
            directories.clear()
            yield Path(root)


def _declares_platform(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _PLATFORM.search(file.read(_MOST_BYTES)) is not None
    except OSError:
        return False
