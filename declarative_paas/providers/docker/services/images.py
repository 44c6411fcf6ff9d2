"""The images of router and add-on servers: the user's own, or made here from the stack and our packages' programs.

No registry is needed: the programs go over the engine's own connection, once an engine.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons import binaries
from declarative_paas.providers.docker.engine import build, unfinished
from declarative_paas.providers.docker.engine.connection import LONG_CALL_TIMEOUT_S, Engine
from declarative_paas.providers.docker.engine.images import ensure_image, image_id
from declarative_paas.providers.docker.engine.stack import DIGEST_LABEL, StackImage
from declarative_paas.providers.docker.engine.unfinished import ROLE_LABEL
from declarative_paas.providers.router.settings import haproxy_binary

RECIPE: Final = "1"
"""Counts how images are made: another number makes new ones."""

ROLE: Final = "server-image"
VERSION_LABEL: Final = "dpaas.version"
PREFIX: Final = "/opt/dpaas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What goes into an image: files below `source`, and those of them that are to be found on PATH.

    `check` is run while the image is built, so that one that cannot run there is found at once.
    """

    name: str
    version: str
    digest: str
    source: Path
    files: tuple[Path, ...]
    bin_dir: str
    on_path: tuple[str, ...]
    check: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerImage:
    """An image on an engine. `version` is that of the server in it, "" when the image is the user's own."""

    id: str
    reference: str
    version: str


class ServiceImages:
    """The images of one engine; each is looked for, or made, when it is first asked for.

    `router_image`, `postgres_image`, `redis_image` name images of the user's own: they need `sh`, and their
    server on PATH; the router's also `python3` and `setpriv`. All methods raise ProviderError.
    """

    def __init__(
        self,
        engine: Engine,
        stack: Callable[[], StackImage],
        *,
        router_image: str | None = None,
        postgres_image: str | None = None,
        redis_image: str | None = None,
    ) -> None:
        self._engine = engine
        self._stack = stack
        self.router_image = router_image
        self._postgres_image = postgres_image
        self._redis_image = redis_image

    @cached_property
    def router(self) -> ServerImage:
        return self._found(self.router_image, _haproxy)

    @cached_property
    def postgres(self) -> ServerImage:
        return self._found(self._postgres_image, lambda: _packaged("postgres"))

    @cached_property
    def redis(self) -> ServerImage:
        return self._found(self._redis_image, lambda: _packaged("valkey"))

    def _found(self, own: str | None, programs: Callable[[], Programs]) -> ServerImage:
        if own is not None:
            return ServerImage(id=ensure_image(self._engine, own), reference=own, version="")
        return ensure_server_image(self._engine, self._stack(), programs())


def ensure_server_image(engine: Engine, stack: StackImage, programs: Programs) -> ServerImage:
    """The image of these programs on this stack: one call when it is there. Raises ProviderError."""
    content = "\n".join((RECIPE, stack.digest, programs.digest))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    reference = f"dpaas/{programs.name}:{digest}"
    known = image_id(engine, reference)
    if known is None:
        _build(engine, stack, programs, reference, digest)
        known = image_id(engine, reference)
    if known is None:
        raise ProviderError(ErrorKind.FAILED, f"{reference} was built, and {engine.where} has no such image")
    return ServerImage(id=known, reference=reference, version=programs.version)


def _build(engine: Engine, stack: StackImage, programs: Programs, reference: str, digest: str) -> None:
    labels: Mapping[str, str] = {ROLE_LABEL: ROLE, DIGEST_LABEL: digest, VERSION_LABEL: programs.version}
    doing = f"build the image {reference}"
    with _context(stack, programs) as context, engine.told(doing):
        answer: Any = engine.api.build(
            fileobj=context,
            custom_context=True,
            tag=reference,
            labels=dict(labels),
            rm=True,
            forcerm=True,
            network_mode="none",
            decode=True,
            timeout=LONG_CALL_TIMEOUT_S,
        )
        build.check_progress(answer, doing)
    unfinished.clear(engine)


def _context(stack: StackImage, programs: Programs) -> IO[bytes]:
    """A build context: the tree as it will be in the image, and how to copy it."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    with tarfile.open(fileobj=packed, mode="w") as archive:
        _add(archive, "Dockerfile", _dockerfile(stack, programs).encode(), 0o644)
        for path in programs.files:
            source = programs.source / path
            mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
            _add(archive, f"tree{PREFIX}/{path}", source.read_bytes(), mode)
        for name in programs.on_path:
            link = tarfile.TarInfo(f"tree/usr/local/bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, f"{PREFIX}/{programs.bin_dir}/{name}"
            archive.addfile(link)
    packed.seek(0)
    return packed


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _dockerfile(stack: StackImage, programs: Programs) -> str:
    check = ", ".join(f'"{word}"' for word in programs.check)
    return f"FROM {stack.reference}\n{unfinished.MARK}\nCOPY tree /\nRUN [{check}]\n"


def _haproxy() -> Programs:
    try:
        binary = haproxy_binary()
    except FileNotFoundError as problem:
        raise ProviderError(ErrorKind.INVALID, str(problem)) from None
    folder = binary.parent
    files = tuple(path.relative_to(folder) for path in sorted((folder / "lib").glob("*")) if path.is_file())
    names = (Path(binary.name), *files)
    return Programs(
        name="haproxy",
        version="",
        digest=_digest(folder, names),
        source=folder,
        files=names,
        bin_dir=".",
        on_path=(binary.name,),
        check=(f"{PREFIX}/{binary.name}", "-v"),
    )


_SERVERS: Final[Mapping[binaries.Engine, tuple[str, ...]]] = {
    "postgres": ("postgres", "initdb", "psql", "pg_dump", "pg_restore", "pg_isready", "pg_controldata"),
    "valkey": ("valkey-server",),
}
"""The programs of an engine that are put on PATH, the server first."""


def _packaged(engine: binaries.Engine) -> Programs:
    found = binaries.packaged(engine)
    if found is None:
        raise ProviderError(
            ErrorKind.INVALID,
            f"no server programs of {engine} come with this installation: name an image of your own "
            f"({'postgres_image' if engine == 'postgres' else 'redis_image'})",
        )
    return Programs(
        name=engine,
        version=found.version,
        digest=found.digest,
        source=found.source,
        files=found.files,
        bin_dir=found.bin_dir,
        on_path=_SERVERS[engine],
        check=(f"{PREFIX}/{found.bin_dir}/{_SERVERS[engine][0]}", "--version"),
    )


def _digest(folder: Path, files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path}\0{hashlib.sha256((folder / path).read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]
