"""What git knows of a checkout: which commit it is, what it merges, which files differ from another commit."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 60
_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")


class GitError(Exception):
    """Git is not there, or has no answer. Told for a person."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree. Every method raises GitError."""

    root: Path

    @classmethod
    def around(cls, directory: Path) -> Checkout:
        """The work tree that a directory lies in."""
        return cls(Path(_git(directory, "rev-parse", "--show-toplevel").strip()))

    def head(self) -> str:
        return _git(self.root, "rev-parse", "HEAD").strip()

    def parents(self) -> list[str]:
        """Of the commit that is checked out; known in a shallow clone too, which has none of them."""
        lines = _git(self.root, "cat-file", "commit", "HEAD").partition("\n\n")[0].split("\n")
        return [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]

    def has(self, commit: str) -> bool:
        """Whether the clone holds the commit: a shallow one may not."""
        try:
            _git(self.root, "cat-file", "-e", f"{checked(commit)}^{{commit}}")
        except GitError:
            return False
        return True

    def contains(self, commit: str) -> bool:
        """Whether what is checked out was made on top of the commit, or is it."""
        if commit in (self.head(), *self.parents()):
            return True
        if not self.has(commit):
            return False
        try:
            _git(self.root, "merge-base", "--is-ancestor", checked(commit), "HEAD")
        except GitError:
            return False
        return True

    def merge_base(self, commit: str) -> str | None:
        """Where the histories of the commit and of what is checked out parted; None where the clone cannot tell."""
        if not self.has(commit):
            return None
        try:
            return _git(self.root, "merge-base", checked(commit), "HEAD").strip()
        except GitError:
            return None

    def changed_since(self, commit: str) -> list[str]:
        """Files that differ from the commit in the work tree, deleted and not yet added ones too: from the root."""
        differing = _git(self.root, "diff", "--name-only", "--no-renames", "-z", checked(commit), "--")
        untracked = _git(self.root, "ls-files", "--others", "--exclude-standard", "-z")
        return sorted({name for name in (*differing.split("\0"), *untracked.split("\0")) if name})

    def text_at(self, commit: str, path: str) -> str | None:
        """A file as it was in a commit; None where it was not there."""
        try:
            return _git(self.root, "show", f"{checked(commit)}:{path}")
        except GitError:
            return None


def checked(commit: str) -> str:
    """The name of a commit and nothing else: an option must not come in by it. Raises GitError."""
    if not _COMMIT.fullmatch(commit):
        raise GitError(f"{commit!r} is not the id of a commit")
    return commit


def _git(directory: Path, *arguments: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "GIT_CONFIG_GLOBAL", "GIT_DIR") if name in os.environ}
    try:
        done = subprocess.run(
            # A repository can name a program to be run as its file watcher.
            ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments],
            cwd=directory,
            env={**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("there is no git here, which knows the commits") from None
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise GitError(f"git does not answer: {type(problem).__name__}") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(f"git {arguments[0]}: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", "surrogateescape")
