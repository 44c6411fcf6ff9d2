"""Stack images: what dynos run on. Made from a root filesystem or a base image, content-addressed, never twice.

A stack must have `sh`, `python3` and the usual file commands (`cp`, `mv`, `rm`, `mkdir`, `chown`, `sleep`); with
`iptables` the region's guard can run on it too.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import build, unfinished
from declarative_paas.providers.docker.engine.connection import LONG_CALL_TIMEOUT_S, Engine
from declarative_paas.providers.docker.engine.unfinished import ROLE_LABEL, SOURCE_LABEL

REPOSITORY: Final = "dpaas/stack"
DEFAULT_NAME: Final = "default"
ROLE: Final = "stack"

DIGEST_LABEL: Final = "dpaas.digest"
PROGRAMS_LABEL: Final = "dpaas.programs"

NEEDED: Final = ("sh", "python3", "cp", "mv", "rm", "mkdir", "chown", "sleep")
WISHED: Final = ("pip", "node", "npm", "iptables", "git", "psql")

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackImage:
    """A stack on an engine. `digest` is the same on every engine for the same content; `id` is this engine's."""

    id: str
    digest: str
    source: str
    programs: frozenset[str]
    names: tuple[str, ...]

    @property
    def reference(self) -> str:
        return f"{REPOSITORY}:{self.digest}"

    def has(self, program: str) -> bool:
        return program in self.programs


def list_stacks(engine: Engine) -> list[StackImage]:
    """Every stack on the engine, in one call."""
    with engine.told("list the stacks"):
        found: Any = engine.api.images(filters={"label": [f"{ROLE_LABEL}={ROLE}"]})
    # What is built on a stack inherits its labels, but not its name.
    stacks = [stack for item in found if (stack := _stack_of(item)).reference in (item.get("RepoTags") or ())]
    return sorted(stacks, key=lambda stack: stack.digest)


def find_stack(engine: Engine, name: str = DEFAULT_NAME) -> StackImage:
    """The stack of that name or digest. Raises ProviderError (INVALID) that says how to make one."""
    stacks = list_stacks(engine)
    for stack in stacks:
        if name in (*stack.names, stack.digest, stack.reference, f"{REPOSITORY}:{stack.digest}"):
            return stack
    known = ", ".join(sorted({name for stack in stacks for name in stack.names})) or "none"
    raise ProviderError(
        ErrorKind.INVALID,
        f"there is no stack {name!r} on {engine.where}: stacks there are {known}; "
        "make one with `dpaas stack build --rootfs DIR` or `--from IMAGE`",
    )


def build_from_rootfs(
    engine: Engine, rootfs: Path, *, name: str = DEFAULT_NAME, report: Callable[[str], None] = lambda _: None
) -> StackImage:
    """A stack of a root filesystem: a directory, or a tar of one (gzip, bzip2, xz or plain). Raises ProviderError."""
    with _as_tar(rootfs) as archive:
        source = f"tar:{_sha256(archive)}"
        known = _by_source(engine, source)
        if known is not None:
            report(f"stack {known.digest} is on {engine.where} already")
            return _named(engine, known, name)
        base = unfinished.base_of(engine, source)
        if base is None:
            archive.seek(0)
            report(f"importing {rootfs}")
            base = _import(engine, archive, source)
        return _make(engine, base, source, name, report)


def build_from_image(
    engine: Engine, image: str, *, name: str = DEFAULT_NAME, report: Callable[[str], None] = lambda _: None
) -> StackImage:
    """A stack on an image that is on the engine, or can be pulled. Raises ProviderError."""
    from declarative_paas.providers.docker.engine.images import ensure_image

    base = ensure_image(engine, image, report=report)
    source = f"image:{base}"
    known = _by_source(engine, source)
    if known is not None:
        report(f"stack {known.digest} is on {engine.where} already")
        return _named(engine, known, name)
    return _make(engine, base, source, name, report)


def _make(engine: Engine, base: str, source: str, name: str, report: Callable[[str], None]) -> StackImage:
    try:
        return _made(engine, base, source, name, report)
    finally:
        # An import has gone when a stack was made of it; of what can be no stack, or is one already, it is left.
        unfinished.clear(engine, base=base)


def _made(engine: Engine, base: str, source: str, name: str, report: Callable[[str], None]) -> StackImage:
    programs = _programs(engine, base)
    lacking = [program for program in NEEDED if program not in programs]
    if lacking:
        raise ProviderError(ErrorKind.INVALID, f"this cannot be a stack: it has no {', '.join(lacking)}")
    digest = _layers_digest(engine, base)
    same = next((stack for stack in list_stacks(engine) if stack.digest == digest), None)
    if same is not None:
        report(f"stack {digest} is on {engine.where} already, made of something else with the same content")
        return _named(engine, same, name)
    labels = {
        ROLE_LABEL: ROLE,
        DIGEST_LABEL: digest,
        SOURCE_LABEL: source,
        PROGRAMS_LABEL: " ".join(sorted(programs)),
    }
    settings = f'ENV PATH="{SYSTEM_PATH}" LANG=C.UTF-8\nUSER root\nENTRYPOINT []\nCMD ["/bin/sh"]\n'
    text = f"FROM {base}\n{unfinished.MARK}\n{settings}"
    build.build_from_text(engine, text, tag=f"{REPOSITORY}:{digest}", labels=labels, doing="build the stack")
    report(f"stack {digest} has {', '.join(sorted(programs.intersection(('python3', *WISHED))))}")
    return _named(engine, find_stack(engine, digest), name)


def _sha256(archive: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := archive.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()


def _named(engine: Engine, stack: StackImage, name: str) -> StackImage:
    with engine.told(f"name the stack {name}"):
        engine.api.tag(stack.reference, REPOSITORY, name)
    return find_stack(engine, name)


def _by_source(engine: Engine, source: str) -> StackImage | None:
    return next((stack for stack in list_stacks(engine) if stack.source == source), None)


def _stack_of(image: Mapping[str, Any]) -> StackImage:
    labels: Mapping[str, str] = image["Labels"]
    digest = labels[DIGEST_LABEL]
    tags = [tag.removeprefix(f"{REPOSITORY}:") for tag in image.get("RepoTags") or () if tag.startswith(REPOSITORY)]
    return StackImage(
        id=image["Id"],
        digest=digest,
        source=labels.get(SOURCE_LABEL, ""),
        programs=frozenset(labels.get(PROGRAMS_LABEL, "").split()),
        names=tuple(sorted(tag for tag in tags if tag != digest)),
    )


def _import(engine: Engine, archive: BinaryIO, source: str) -> str:
    """The id of an untagged image with the archive as its one layer."""
    import json

    doing = "import the root filesystem"
    with engine.told(doing):
        api = engine.api
        response = api._post(
            api._url("/images/create"),
            params={"fromSrc": "-", "changes": unfinished.labels_of(source)},
            data=archive,
            headers={"Content-Type": "application/x-tar"},
            timeout=LONG_CALL_TIMEOUT_S,
        )
        api._raise_for_status(response)
        messages = [json.loads(line) for line in response.text.splitlines() if line.strip()]
        lines = build.check_progress(messages, doing)
    return next(line for line in reversed(lines) if line.startswith("sha256:"))


def _layers_digest(engine: Engine, image: str) -> str:
    """Of the content alone: the same layers on any engine, whatever it named the image."""
    with engine.told("read the image"):
        api = engine.api
        found = api.inspect_image(image)
    return hashlib.sha256("\n".join(found["RootFS"]["Layers"]).encode()).hexdigest()[:16]


def _programs(engine: Engine, image: str) -> frozenset[str]:
    """Which of the programs we know of the image has, by its own shell; none when it has no shell."""
    names = " ".join((*NEEDED, *WISHED))
    script = f"PATH={SYSTEM_PATH}; for p in {names}; do command -v $p >/dev/null && echo $p; done; exit 0"
    with engine.told("look into the image"):
        api = engine.api
        made = api.create_container(
            image,
            ["/bin/sh", "-c", script],
            entrypoint=[],
            user="65534:65534",
            labels={ROLE_LABEL: unfinished.ROLE},
            host_config=api.create_host_config(network_mode="none", cap_drop=["ALL"], read_only=True),
        )
    try:
        try:
            with engine.told("look into the image"):
                api.start(made["Id"])
        except ProviderError as problem:
            if "no such file or directory" in str(problem):
                return frozenset()
            raise
        with engine.told("look into the image"):
            api.wait(made["Id"], timeout=60)
            return frozenset(api.logs(made["Id"], stdout=True, stderr=False).decode("ascii", "replace").split())
    finally:
        with suppress(ProviderError), engine.told("remove the probe"):
            api.remove_container(made["Id"], force=True, v=True)


@contextmanager
def _as_tar(rootfs: Path) -> Generator[BinaryIO]:
    """A file of the root filesystem as one tar. That of a directory is the same for the same tree."""
    if rootfs.is_dir():
        with tempfile.TemporaryFile() as file:
            packed = cast("BinaryIO", file)
            # tar itself: it reads 10,000 files five times as fast as Python does, and keeps hard links.
            done = subprocess.run(
                ["tar", "--sort=name", "--numeric-owner", "--one-file-system", "-C", str(rootfs), "-c", "."],
                stdout=packed,
                stderr=subprocess.PIPE,
                check=False,
            )
            if done.returncode != 0:
                words = done.stderr.decode("utf-8", "replace").strip().splitlines()
                raise ProviderError(ErrorKind.INVALID, f"{rootfs} cannot be packed whole", detail=words[-5:])
            packed.seek(0)
            yield packed
        return
    if not rootfs.is_file():
        raise ProviderError(ErrorKind.INVALID, f"{rootfs} is neither a directory nor a tar of a root filesystem")
    if not tarfile.is_tarfile(rootfs):
        raise ProviderError(ErrorKind.INVALID, f"{rootfs} is not a tar")
    with rootfs.open("rb") as archive:
        yield archive
