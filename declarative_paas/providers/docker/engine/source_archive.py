"""An app's source as the archive that a build container gets: in /app, owned by the build's user."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from declarative_paas.providers.slugs import static_server
from declarative_paas.providers.slugs.archive import FIXED_TIME
from declarative_paas.providers.slugs.inspect import InspectedSource
from declarative_paas.providers.slugs.recipe import STATIC_SERVER
from declarative_paas.providers.slugs.source import SourceError, SourceFile, digest_of, list_files

_ROOT: Final = "app"
_USER: Final = 65534


@contextmanager
def packed(source: Path, inspected: InspectedSource) -> Generator[IO[bytes]]:
    """A temporary file of the archive. Raises SourceError when the source changed while it was packed."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            _directory(archive, _ROOT)
            files = list_files(source)
            for directory in sorted({parent for found in files for parent in PurePosixPath(found.path).parents}):
                if str(directory) != ".":
                    _directory(archive, f"{_ROOT}/{directory}")
            for found in files:
                _add(archive, source, found)
            if inspected.recipe.kind == "static":
                _add_static_server(archive)
        # Read once more: what was packed must be what the plan showed.
        if digest_of(source, list_files(source)) != inspected.digest:
            raise SourceError(f"{source} was changed while it was copied: plan again")
        file.seek(0)
        yield file


def _add(archive: tarfile.TarFile, source: Path, found: SourceFile) -> None:
    info = _info(f"{_ROOT}/{found.path}", 0o755 if found.executable else 0o644)
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
    _directory(archive, f"{_ROOT}/{PurePosixPath(STATIC_SERVER).parent}")
    content = Path(static_server.__file__).read_bytes()
    info = _info(f"{_ROOT}/{STATIC_SERVER}", 0o644)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _directory(archive: tarfile.TarFile, path: str) -> None:
    info = _info(path, 0o755)
    info.type = tarfile.DIRTYPE
    archive.addfile(info)


def _info(path: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.uid, info.gid, info.mtime = mode, _USER, _USER, FIXED_TIME
    return info
