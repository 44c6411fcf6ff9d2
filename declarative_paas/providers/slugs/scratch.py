"""The directory that a build happens in: the source's copy and a home, the build user's own for that time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.providers.slugs.account import run_as
from declarative_paas.providers.slugs.source import SourceError, SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """`app` holds the source, `home` is HOME and the place for temporary files."""

    root: Path
    user: str | None

    @property
    def app(self) -> Path:
        return self.root / "app"

    @property
    def home(self) -> Path:
        return self.root / "home"

    def fill(self, source: Path, files: Sequence[SourceFile]) -> None:
        """Copies the source. Raises SourceError when a file went away meanwhile."""
        for file in files:
            target = self.app / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.target is not None:
                target.symlink_to(file.target)
                continue
            try:
                origin = (source / file.path).open("rb")
            except OSError as problem:
                raise SourceError(f"{source / file.path} cannot be read: {problem.strerror}") from None
            with origin, target.open("wb") as copy:
                shutil.copyfileobj(origin, copy)
            target.chmod(0o755 if file.executable else 0o644)

    def give(self) -> None:
        """To the build's user, before anything of his runs."""
        for directory, directories, files in os.walk(self.root):
            where = Path(directory)
            where.chmod(0o755)
            if self.user is None:
                continue
            identity = run_as(self.user)
            for path in (where, *(where / name for name in directories + files)):
                os.chown(path, identity["user"], identity["group"], follow_symlinks=False)

    def take_back(self) -> None:
        """Out of everybody else's reach: what is read from now on can be changed by none of the user's processes."""
        if self.user is not None:
            os.chown(self.root, os.geteuid(), os.getegid())
        self.root.chmod(0o700)


@contextmanager
def scratch(root: Path, user: str | None) -> Generator[Scratch]:
    """Made empty, and removed at the end, whatever the build left in it."""
    remove(root)
    made = Scratch(root=root, user=user)
    made.app.mkdir(parents=True)
    made.home.mkdir()
    try:
        yield made
    finally:
        made.take_back()
        remove(root)


def remove(root: Path) -> None:
    """Removes the directory, also when something in it forbids that to its owner, as Go's module cache does."""
    if not root.exists():
        return
    shutil.rmtree(root, ignore_errors=True)
    if root.exists():
        for directory, directories, _ in os.walk(root):
            for name in directories:
                path = Path(directory, name)
                if not path.is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(root)
