"""An app's source as the archive that a build gets: a slug's, or a Dockerfile's."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from declarative_paas.providers.slugs import static_server
from declarative_paas.providers.slugs.archive import FIXED_TIME
from declarative_paas.providers.slugs.docker_context import DockerBuild, DockerContext, inspect_context
from declarative_paas.providers.slugs.inspect import InspectedSource
from declarative_paas.providers.slugs.recipe import STATIC_SERVER
from declarative_paas.providers.slugs.source import SourceError, SourceFile, digest_of, list_files

_USER: Final = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where files lie in an archive, and whose they are there. `root` is "" or ends with a slash."""

    root: str
    user: int


_APP: Final = _Place(root="app/", user=_USER)
_CONTEXT: Final = _Place(root="", user=0)


@contextmanager
def packed(source: Path, inspected: InspectedSource) -> Generator[IO[bytes]]:
    """A temporary file of the archive: in /app, owned by the build's user.

    Raises SourceError when the source changed while it was packed.
    """
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            _directory(archive, _APP, "")
            files = list_files(source)
            _fill(archive, _APP, source, files)
            if inspected.recipe.kind == "static":
                _add_static_server(archive)
        # Read once more: what was packed must be what the plan showed.
        if digest_of(source, list_files(source)) != inspected.digest:
            raise _changed(source)
        file.seek(0)
        yield file


@contextmanager
def packed_context(source: Path, build: DockerBuild, context: DockerContext) -> Generator[IO[bytes]]:
    """A temporary file of what a Dockerfile's build gets: root's. Raises SourceError as `packed` does."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            _fill(archive, _CONTEXT, source, context.files)
        if inspect_context(source, build).digest != context.digest:
            raise _changed(source)
        file.seek(0)
        yield file


def _changed(source: Path) -> SourceError:
    return SourceError(f"{source} was changed while it was copied: plan again")


def _fill(archive: tarfile.TarFile, place: _Place, source: Path, files: Sequence[SourceFile]) -> None:
    for directory in sorted({parent for found in files for parent in PurePosixPath(found.path).parents}):
        if str(directory) != ".":
            _directory(archive, place, str(directory))
    for found in files:
        _add(archive, place, source, found)


def _add(archive: tarfile.TarFile, place: _Place, source: Path, found: SourceFile) -> None:
    info = _info(place, found.path, 0o755 if found.executable else 0o644)
    if found.target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, found.target
        archive.addfile(info)
        return
    try:
        with (source / found.path).open("rb") as content:
            info.size = found.size
            archive.addfile(info, content)
    except OSError as problem:
        raise SourceError(f"{source / found.path} cannot be read: {problem.strerror or problem}") from None


def _add_static_server(archive: tarfile.TarFile) -> None:
    _directory(archive, _APP, str(PurePosixPath(STATIC_SERVER).parent))
    content = Path(static_server.__file__).read_bytes()
    info = _info(_APP, STATIC_SERVER, 0o644)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _directory(archive: tarfile.TarFile, place: _Place, path: str) -> None:
    info = _info(place, path, 0o755)
    info.type = tarfile.DIRTYPE
    archive.addfile(info)


def _info(place: _Place, path: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{place.root}{path}".rstrip("/"))
    info.mode, info.uid, info.gid, info.mtime = mode, place.user, place.user, FIXED_TIME
    return info
