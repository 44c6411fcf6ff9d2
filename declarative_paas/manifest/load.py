"""Reads manifests from files. The only module of this room that opens anything.

Which files: a path that is a file is read whatever its name is. In a directory, every `*.yaml` and `*.yml`
that lies directly in it is read, and in the directories below it the files named `dpaas.yaml`, `app.yaml`
or `*.dpaas.yaml` (`.yml` too). Hidden files and directories are left out, and so are `overlays`,
`node_modules`, `vendor`, `venv` and `__pycache__`. Links to directories are not followed.

Overlays: `environment="production"` adds `overlays/production/*.yaml` (`.yml` too), in the order of their
names, where `overlays` lies beside the file that declares the Platform.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, error, has_errors, in_order_of_place, nearest
from declarative_paas.manifest.assemble import GivenVariables, ManifestFile, assemble, parse_file, recognise_all
from declarative_paas.manifest.documents import Document
from declarative_paas.manifest.file_text import MAX_FILE_BYTES, too_large
from declarative_paas.manifest.formats import ENVIRONMENT_NAME
from declarative_paas.manifest.manifests import AppManifest, Manifests
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.manifest.yaml_text import YamlText, parse_yaml

SUFFIXES: Final = (".yaml", ".yml")
OVERLAYS: Final = "overlays"
DEFAULT_ENVIRONMENT: Final = "default"
"""The environment of a plan without `--env`, which merges no overlay. It may be named, too."""
_OUR_STEMS: Final = ("dpaas", "app")
_OUR_ENDING: Final = ".dpaas"
_PASSED_OVER: Final = frozenset({OVERLAYS, "node_modules", "vendor", "venv", "__pycache__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """`manifests` is None when any diagnostic is an error; then `sound` is what has none, as far as there is a Platform
    to look for more mistakes with. `files` are all that were read, in order."""

    manifests: Manifests | None
    sound: Manifests | None
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[Path, ...]


def load(paths: Sequence[Path], *, environment: str | None = None, variables: VariableInputs) -> LoadResult:
    """Reads, merges and checks all manifests. A mistake never raises; all of them come at once, sorted."""
    reader = _Reader()
    without_overlay = environment in (None, DEFAULT_ENVIRONMENT)
    with _without_garbage_collection():
        base, diagnostics = recognise_all(reader.read_base(paths))
        overlays: list[Document] = []
        if environment is not None:
            overlay_files = reader.read_overlays(base, environment)
            overlays, mistakes = recognise_all(overlay_files)
            diagnostics.extend(mistakes)
        given = GivenVariables(
            environment=variables.environment,
            files=reader.read_variable_files(variables.files),
            assignments=variables.assignments,
        )
        is_complete = not has_errors([*diagnostics, *reader.diagnostics])
        manifests, mistakes = assemble(
            base, overlays, given, environment=None if without_overlay else environment, is_complete=is_complete
        )
    diagnostics.extend(mistakes)
    if manifests is not None:
        diagnostics.extend(_missing_sources(manifests.apps))
        diagnostics.extend(_missing_dockerfiles(manifests.apps))
    diagnostics.extend(reader.diagnostics)
    return LoadResult(
        manifests=None if has_errors(diagnostics) else manifests,
        sound=manifests if has_errors(diagnostics) else None,
        # What stands behind an alias is seen at each of its uses: one mistake, told once.
        diagnostics=tuple(sorted(dict.fromkeys(diagnostics), key=in_order_of_place)),
        files=tuple(reader.files),
    )


@contextmanager
def _without_garbage_collection() -> Generator[None]:
    """Parsing makes a tree of many thousand objects and no cycles: collecting meanwhile doubles the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file to read. `sought`: every document in it must be ours. `real`: its path without links, where known."""

    path: Path
    sought: bool
    real: str | None = None


class _Reader:
    """Finds and reads files; remembers which, and what went wrong."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.diagnostics: list[Diagnostic] = []
        self._seen: set[str] = set()

    def read_base(self, paths: Sequence[Path]) -> list[ManifestFile]:
        parsed: list[ManifestFile] = []
        for path in paths:
            found = list(self._in_directory(path)) if path.is_dir() else [_Found(path=path, sought=True)]
            if not found:
                self.diagnostics.append(
                    error(
                        "no-manifests", f"{path} holds no manifest", expected="a *.yaml file with kind: App or Platform"
                    )
                )
            parsed.extend(self._parse(found))
        return parsed

    def read_overlays(self, base: Sequence[Document], environment: str) -> list[ManifestFile]:
        platform = next((document for document in base if document.kind == "Platform"), None)
        if platform is None:
            return []
        root = Path(platform.node.position.file).parent / OVERLAYS
        existing = sorted(one.name for one in _entries(root) if one.is_dir() and not one.name.startswith("."))
        if environment == DEFAULT_ENVIRONMENT:
            # Its state is that of a plan without --env: one with an overlay and one without would undo each other.
            if environment in existing:
                self.diagnostics.append(
                    error(
                        "reserved-environment",
                        f"{root / environment} is never merged: {environment!r} is what is planned without --env",
                        platform.node.position,
                        expected="another name for the directory, and for --env",
                    )
                )
            return []
        if environment not in existing:
            listed = f"one of {', '.join(existing)}" if existing else f"a directory {root / environment}"
            self.diagnostics.append(
                error(
                    "unknown-environment",
                    f"there is no environment {environment!r}",
                    platform.node.position,
                    expected=listed if existing or ENVIRONMENT_NAME.matches(environment) else ENVIRONMENT_NAME.says,
                    suggestion=nearest(environment, existing),
                )
            )
            return []
        return self._parse([_Found(path=one, sought=True) for one in _entries(root / environment) if _is_yaml(one)])

    def read_variable_files(self, paths: Sequence[Path]) -> list[tuple[str, YamlText]]:
        read = [(str(path), self._bytes(path)) for path in paths]
        return [(name, parse_yaml(data, name)) for name, data in read if data is not None]

    def _in_directory(self, directory: Path) -> Iterator[_Found]:
        for entry in _entries(directory):
            if _is_yaml(entry):
                yield _Found(path=entry, sought=_is_ours(entry))
        yield from self._below(directory, os.path.realpath(directory), is_top=True)

    def _below(self, directory: Path, real: str, *, is_top: bool) -> Iterator[_Found]:
        """What lies in this directory, then in those below it, each by name. `real`: without a link on the way."""
        try:
            with os.scandir(directory) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as problem:
            self._unreadable(problem, directory)
            return
        below: list[str] = []
        for entry in entries:
            name = entry.name
            if _may_hold_manifests(name) and _is_directory(entry):
                # Not a link to one: it would be read twice, or lead in a circle.
                if not entry.is_symlink():
                    below.append(name)
            elif not is_top and _is_ours_by_name(name):
                link = entry.is_symlink()
                yield _Found(path=directory / name, sought=True, real=None if link else f"{real}/{name}")
        for name in below:
            yield from self._below(directory / name, f"{real}/{name}", is_top=False)

    def _parse(self, found: Sequence[_Found]) -> list[ManifestFile]:
        parsed: list[ManifestFile] = []
        for one in found:
            identity = one.real or os.path.realpath(one.path)
            if identity in self._seen:
                continue
            self._seen.add(identity)
            data = self._bytes(one.path)
            if data is not None:
                parsed.append(parse_file(data, str(one.path), sought=one.sought))
        return parsed

    def _bytes(self, path: Path) -> bytes | None:
        try:
            # Never more than needed to know that it is too much: the path may name an endless device.
            with path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                data = _read_up_to(file, MAX_FILE_BYTES + 1, expected=size)
                size = max(size, len(data))
        except FileNotFoundError:
            siblings = [one.name for one in _entries(path.parent)]
            near = nearest(path.name, siblings)
            self.diagnostics.append(
                error(
                    "no-such-file", f"there is no file {path}", suggestion=str(path.with_name(near)) if near else None
                )
            )
            return None
        except OSError as problem:
            self._unreadable(problem, path)
            return None
        self.files.append(path)
        if len(data) > MAX_FILE_BYTES:
            self.diagnostics.append(too_large(size, str(path)))
            return None
        return data

    def _unreadable(self, problem: OSError, path: Path | None = None) -> None:
        where = path or problem.filename
        self.diagnostics.append(error("unreadable-file", f"{where} cannot be read: {problem.strerror}"))


def _entries(directory: Path) -> list[Path]:
    """A directory's entries by name; none when it cannot be read (then reading its files tells why)."""
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _read_up_to(file: FileIO, limit: int, *, expected: int) -> bytes:
    """The whole content, or its first `limit` bytes; a buffer for all of `limit` is never made without need."""
    data = file.read(min(expected + 1, limit)) or b""
    while len(data) < limit and (more := file.read(min(limit - len(data), 65536))):
        data += more
    return data


def _is_yaml(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _may_hold_manifests(name: str) -> bool:
    return name not in _PASSED_OVER and not name.startswith(".")


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    return _is_ours_by_name(path.name)


def _is_ours_by_name(name: str) -> bool:
    stem, dot, suffix = name.rpartition(".")
    return dot + suffix in SUFFIXES and not name.startswith(".") and (stem in _OUR_STEMS or stem.endswith(_OUR_ENDING))


def _missing_sources(apps: Sequence[AppManifest]) -> Iterator[Diagnostic]:
    """A diagnostic for every source path that is no directory."""
    for app in apps:
        directory = app.source_directory
        if directory is None or directory.is_dir():
            continue
        what = "is not a directory" if directory.exists() else "does not exist"
        near = nearest(directory.name, [one.name for one in _entries(directory.parent) if one.is_dir()])
        yield error(
            "source-missing",
            f"the source {directory} {what}",
            app.position("source", "path"),
            expected="a directory, relative to this file",
            suggestion=str(Path(getattr(app.spec.source, "path")).with_name(near)) if near else None,  # noqa: B009
            address=f"app.{app.name}",
        )


def _missing_dockerfiles(apps: Sequence[AppManifest]) -> Iterator[Diagnostic]:
    """A diagnostic for every Dockerfile that is not in its source."""
    for app in apps:
        directory = app.source_directory
        named = getattr(app.spec.source, "dockerfile", None)
        if directory is None or named is None or not directory.is_dir():
            continue
        file = directory / named
        inside = Path(os.path.normpath(file)).is_relative_to(os.path.normpath(directory))
        if inside and file.is_file():
            continue
        wrong = f"there is no file {file}" if inside else f"the Dockerfile {file} is not in the source {directory}"
        beside = [one.name for one in _entries(file.parent) if one.is_file()] if inside else []
        near = nearest(file.name, beside)
        yield error(
            "dockerfile-missing",
            wrong,
            app.position("source", "dockerfile"),
            expected="a file below source.path, relative to it",
            suggestion=str(Path(named).with_name(near)) if near else None,
            address=f"app.{app.name}",
        )
