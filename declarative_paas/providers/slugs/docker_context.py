"""A source that has a Dockerfile: which files its build gets, and one digest over them and how they are used."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from declarative_paas.providers.slugs.source import LeavesOut, SourceError, SourceFile, digest_of, files_below, lines_of

IGNORE_FILE: Final = ".dockerignore"
"""In the source's own directory, by Docker's rules; `DOCKERFILE.dockerignore`, where it is, in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerBuild:
    """How a Dockerfile is used. `dockerfile` is relative to the source; `target` None is its last stage."""

    dockerfile: str
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def file(self) -> str:
        """The Dockerfile as a source's own files are named."""
        return posixpath.normpath(self.dockerfile)


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerContext:
    """What the build gets. The same `digest` is the same image, as far as its base and its network are the same."""

    files: tuple[SourceFile, ...]
    digest: str


def inspect_context(source: Path, build: DockerBuild) -> DockerContext:
    """Reads the source; changes nothing. Raises SourceError.

    What never belongs to a source (`.git`, `node_modules`, …) does not belong to this one either.
    """
    files = files_below(source, lambda root: _rules(root, build.file), IGNORE_FILE)
    if not any(file.path == build.file for file in files):
        raise SourceError(f"{source} has no Dockerfile {build.file}")
    how = json.dumps([build.file, build.target, dict(build.args)], sort_keys=True)
    digest = hashlib.sha256(f"dockerfile\0{digest_of(source, files)}\0{how}".encode()).hexdigest()
    return DockerContext(files=tuple(files), digest=digest)


def _rules(root: Path, dockerfile: str) -> LeavesOut:
    """Docker's: the last rule wins, and unlike git's it can take back in what is below a directory that is left out."""
    own, usual = root / f"{dockerfile}{IGNORE_FILE}", root / IGNORE_FILE
    path = own if own.is_file() else usual
    if not path.is_file():
        return lambda _path, _is_directory: False
    # That of the SDK: what its own builds, and Compose's for years, left out. It takes 0.15 s to import.
    from docker.utils.build import PatternMatcher

    lines = [line for line in map(str.strip, lines_of(path)) if line and not line.startswith("#")]
    try:
        matcher: Any = PatternMatcher([*lines, f"!{dockerfile}"])
        matcher.matches("probe")
    except (re.error, ValueError) as problem:
        raise SourceError(f"{path} has a pattern that cannot be used: {problem}") from None
    takes_back = "/" in dockerfile or any(line.startswith("!") for line in lines)

    def leaves_out(found: str, is_directory: bool) -> bool:
        return bool(matcher.matches(found)) and not (is_directory and takes_back)

    return leaves_out
