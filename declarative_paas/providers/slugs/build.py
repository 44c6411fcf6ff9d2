"""Building a slug: copy, build as the dyno's user, archive. The same slug is never built twice."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import tarfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from declarative_paas.providers.slugs.inspect import InspectedSource, inspect_source
from declarative_paas.providers.slugs.recipe import STATIC_SERVER
from declarative_paas.providers.slugs.source import SourceError, list_files
from declarative_paas.providers.slugs.stack import Stack, run_as
from declarative_paas.providers.slugs.store import Slug, SlugStore, file_digest

KEPT_LINES = 50


class BuildFailed(Exception):
    """A build that did not work; `lines` are the last it printed."""

    def __init__(self, summary: str, lines: Sequence[str] = ()) -> None:
        super().__init__(summary)
        self.lines = tuple(lines)


def slug_id(inspected: InspectedSource, stack: Stack) -> str:
    content = f"{inspected.digest}\0{inspected.recipe.digest}\0{stack.digest}"
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def build_source(
    source: Path,
    *,
    expected_digest: str,
    build: str | None,
    stack: Stack,
    store: SlugStore,
    user: str | None,
    on_line: Callable[[str], None],
    timeout_s: float,
) -> Slug:
    """The slug of a source, built only if it is not stored whole already.

    Raises SourceError when the source is not what was planned any more, BuildFailed when a command fails.
    """
    inspected = inspect_source(source, build)
    if inspected.digest != expected_digest:
        raise SourceError(f"{source} has changed since the plan was made: plan again")
    identifier = slug_id(inspected, stack)
    with _locked(store.directory / f".{identifier}.lock"):
        known = store.get(identifier)
        if known is not None and store.is_intact(known):
            on_line(f"slug {identifier[:8]} is built already")
            return known
        try:
            return _build(source, identifier, inspected, stack, store, user, on_line, timeout_s)
        except OSError as problem:
            raise BuildFailed(f"the slug cannot be written: {problem.strerror}") from None


def _build(
    source: Path,
    identifier: str,
    inspected: InspectedSource,
    stack: Stack,
    store: SlugStore,
    user: str | None,
    on_line: Callable[[str], None],
    timeout_s: float,
) -> Slug:
    scratch = store.directory / f".building-{identifier}"
    shutil.rmtree(scratch, ignore_errors=True)
    app, home = scratch / "app", scratch / "home"
    archive = store.archive_path(identifier)
    try:
        app.mkdir(parents=True)
        home.mkdir()
        _copy(source, app)
        if inspected.recipe.kind == "static":
            server = app / STATIC_SERVER
            server.parent.mkdir(exist_ok=True)
            shutil.copyfile(Path(__file__).with_name("static_server.py"), server)
        _give(scratch, user)
        deadline = time.monotonic() + timeout_s
        for command in inspected.recipe.commands:
            on_line(f"$ {command}")
            _run(command, app, _environment(stack, home, store), user, on_line, deadline)
        fresh = scratch / "slug.tar.gz"
        _archive(app, fresh)
        fresh.chmod(0o644)
        fresh.replace(archive)
    finally:
        _remove(scratch, user)
    slug = Slug(
        id=identifier,
        archive=archive,
        archive_digest=file_digest(archive),
        size_bytes=archive.stat().st_size,
        process_types=inspected.process_types,
        runtime_env=inspected.recipe.runtime_env,
    )
    store.add(slug)
    on_line(f"slug {identifier[:8]}: {slug.size_bytes / 2**20:.1f} MB")
    return slug


def _copy(source: Path, app: Path) -> None:
    root = source.resolve()
    for file in list_files(source):
        target = app / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.target is not None:
            target.symlink_to(file.target)
        else:
            shutil.copyfile(root / file.path, target)
            target.chmod(0o755 if file.executable else 0o644)


def _give(directory: Path, user: str | None) -> None:
    if user is None:
        return
    identity = run_as(user)
    uid, gid = identity["user"], identity["group"]
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, uid, gid, follow_symlinks=False)


def _environment(stack: Stack, home: Path, store: SlugStore) -> Mapping[str, str]:
    """A clean environment: nothing of ours but how to reach the package registries."""
    cache = store.directory / ".cache"
    cache.mkdir(exist_ok=True)
    cache.chmod(0o1777)
    return {
        "PATH": stack.path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "CI": "true",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_CACHE_DIR": str(cache / "pip"),
        "npm_config_cache": str(cache / "npm"),
        **stack.build_env,
    }


def _run(
    command: str,
    directory: Path,
    environment: Mapping[str, str],
    user: str | None,
    on_line: Callable[[str], None],
    deadline: float,
) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o022,
        **run_as(user),
    )
    last: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        for line in _lines(process, deadline):
            last.append(line)
            on_line(line)
        status = process.wait()
    except TimeoutError:
        raise BuildFailed(f"`{command}` did not end in time", list(last)) from None
    finally:
        _end(process)
    if status != 0:
        raise BuildFailed(f"`{command}` exited with status {status}", list(last))


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """What the build prints, line by line. Raises TimeoutError."""
    assert process.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing that a build started outlives it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _archive(app: Path, target: Path) -> None:
    """Sorted, without times or owners: the same content gives the same bytes."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=3) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(app.rglob("*")):
            archive.add(path, arcname=str(path.relative_to(app)), recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _remove(directory: Path, user: str | None) -> None:
    """A build may leave directories that nobody may write."""
    for path in directory.rglob("*") if directory.exists() else ():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two builds of one slug at once: the second waits and finds it built."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
