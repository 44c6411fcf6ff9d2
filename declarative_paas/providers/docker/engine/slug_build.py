"""Builds a slug in a container of the stack, on a network of its own, as the dynos' own unprivileged user."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, execute, networks, source_archive
from declarative_paas.providers.docker.engine.connection import LONG_CALL_TIMEOUT_S, Engine
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG, NOBODY
from declarative_paas.providers.docker.engine.dyno_container import APP, SLUG
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.lines import LineSplitter
from declarative_paas.providers.docker.engine.slug_image import (
    BUILD_ROLE,
    SlugImage,
    commit_slug,
    find_slug,
    slug_key,
    slug_labels,
)
from declarative_paas.providers.docker.engine.stack import SYSTEM_PATH, StackImage
from declarative_paas.providers.slugs.inspect import InspectedSource, inspect_source
from declarative_paas.providers.slugs.registries import registry_environment_elsewhere, secrets_in, without_secrets
from declarative_paas.providers.slugs.source import SourceError
from declarative_paas.providers.slugs.tools import TOOL_SETTINGS

KEPT_LINES: Final = 50
BUILD_MEMORY_MB: Final = 4096
BUILD_PIDS: Final = 4096

# Programs of the slug lie in /app when it runs, so it is built there; then it moves where no volume hides it.
_FINISH: Final = (
    f"set -e; mv {APP} {SLUG}; mkdir {APP}; chown 65534:65534 {APP}; chmod 755 {APP} {SLUG}; "
    f"du -sb {SLUG} 2>/dev/null || du -sk {SLUG}"
)


def build_slug(
    engine: Engine,
    owner: Labels,
    stack: StackImage,
    source: Path,
    *,
    expected_digest: str,
    build: str | None,
    pool: networks.Pool,
    on_line: Callable[[str], None],
    timeout_s: float,
) -> SlugImage:
    """The slug of a source, built only if the engine does not have it.

    Of two builds of one key at once, the second would remove the first's container as a leftover: hold a lock
    for the region around it. `on_line` gets what the build prints, without credentials. Raises SourceError when the
    source is not what was planned any more, ProviderError (FAILED, with the last lines) when a command fails;
    then nothing is left of the build.
    """
    inspected = inspect_source(source, build)
    if inspected.digest != expected_digest:
        raise SourceError(f"{source} has changed since the plan was made: plan again")
    key = slug_key(inspected, stack.digest)
    known = find_slug(engine, owner, key)
    if known is not None:
        on_line(f"slug {key[:8]} is built already")
        # By a build, perhaps, that was killed with its work done.
        _remove_container(engine, owner, _name(owner, key))
        return known
    for program in inspected.recipe.needs:
        if not stack.has(program):
            raise ProviderError(
                ErrorKind.FAILED,
                f"a {inspected.recipe.kind} app is built with {program}, and the stack has none: "
                "build a stack with it (`dpaas stack build`)",
            )
    deadline = time.monotonic() + timeout_s
    with _build_container(engine, owner, stack, key, pool) as container:
        with source_archive.packed(source, inspected) as archive, engine.told("send the source"):
            engine.api.put_archive(container, "/", archive)
        containers.start(engine, container)
        _run_commands(engine, container, inspected, on_line, deadline)
        done = execute.run(engine, container, ["/bin/sh", "-c", _FINISH], user="0:0", timeout_s=LONG_CALL_TIMEOUT_S)
        if done.status != 0:
            raise ProviderError(
                ErrorKind.FAILED,
                f"the slug cannot be completed: status {done.status}",
                detail=done.stderr.decode("utf-8", "replace").splitlines()[-5:],
            )
        labels = slug_labels(owner, key, stack.digest, inspected, size_bytes=int(done.stdout.split()[0]))
        made = commit_slug(engine, container, owner, key, labels)
    on_line(f"slug {key[:8]}: {made.size_bytes / 2**20:.1f} MB")
    return replace(made, built=True)


@contextmanager
def _build_container(engine: Engine, owner: Labels, stack: StackImage, key: str, pool: networks.Pool) -> Generator[str]:
    """A container of the stack, not started, on a network of its own; both go in the end."""
    name = _name(owner, key)
    labels = Labels(platform=owner.platform, region=owner.region, scope=owner.scope, app=owner.app, role=BUILD_ROLE)
    containers.remove(engine, name, owner)
    networks.ensure_network(engine, name, labels, pool)
    config: dict[str, Any] = {
        "Image": stack.id,
        "Entrypoint": [],
        "Cmd": ["/bin/sh", "-c", "while :; do sleep 3600; done"],
        # The engine gives root's capabilities to commands of root only in a container of root's. It only sleeps; what
        # the source brings runs as another user, who has none of them and can get none.
        "User": "0:0",
        "Volumes": {"/tmp": {}},
        "NetworkingConfig": {"EndpointsConfig": {name: {}}},
        "HostConfig": {
            "NetworkMode": name,
            "CapDrop": ["ALL"],
            # For the last step alone, which is root's.
            "CapAdd": ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": BUILD_MEMORY_MB * 2**20,
            "MemorySwap": BUILD_MEMORY_MB * 2**20,
            "PidsLimit": BUILD_PIDS,
            "LogConfig": LOG_CONFIG,
            "Init": True,
        },
    }
    try:
        containers.create(engine, name, config, labels)
        yield name
    finally:
        _remove_container(engine, owner, name)


def _name(owner: Labels, key: str) -> str:
    """Of a slug's build container and of its network."""
    return object_name(owner, "build", key[:12])


def _remove_container(engine: Engine, owner: Labels, name: str) -> None:
    """With its network. What cannot go now is found by `dpaas gc`."""
    with suppress(ProviderError):
        containers.remove(engine, name, owner)
    with suppress(ProviderError):
        networks.remove_network(engine, name, owner)


def _run_commands(
    engine: Engine, container: str, inspected: InspectedSource, on_line: Callable[[str], None], deadline: float
) -> None:
    if not inspected.recipe.commands:
        return
    registries = registry_environment_elsewhere()
    secrets = secrets_in(registries)
    environment = {**registries, **_BUILD_ENVIRONMENT}

    for command in inspected.recipe.commands:
        shown = without_secrets(command, secrets)
        on_line(f"$ {shown}")
        last: deque[str] = deque(maxlen=KEPT_LINES)
        status = _run_command(engine, container, command, environment, _Report(on_line, secrets, last), deadline)
        if status != 0:
            ended = "did not end in time" if status is None else f"exited with status {status}"
            raise ProviderError(ErrorKind.FAILED, f"`{shown}` {ended}", detail=tuple(last))


@dataclass(frozen=True, slots=True)
class _Report:
    """What a build prints: without credentials, passed on, and its end kept."""

    on_line: Callable[[str], None]
    secrets: frozenset[str]
    last: deque[str]

    def __call__(self, line: str) -> None:
        shown = without_secrets(line, self.secrets)
        self.last.append(shown)
        self.on_line(shown)


def _run_command(
    engine: Engine,
    container: str,
    command: str,
    environment: Mapping[str, str],
    report: Callable[[str], None],
    deadline: float,
) -> int | None:
    """Its exit status, None when it is not done by the deadline; the container's end then ends it."""
    lines = LineSplitter(report)
    argv = ["/bin/sh", "-c", command]
    with execute.streamed(
        engine, container, argv, stdin=False, user=NOBODY, environment=environment, workdir=APP
    ) as running:
        while True:
            try:
                frame = running.receive(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                lines.end()
                return None
            if frame is None:
                lines.end()
                return running.status()
            lines.feed(frame.data)


_BUILD_ENVIRONMENT: Final[Mapping[str, str]] = {
    **TOOL_SETTINGS,
    "PATH": SYSTEM_PATH,
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "PIP_NO_CACHE_DIR": "1",
    "npm_config_cache": "/tmp/.npm",
}
