"""Building a slug: copy, build as the dyno's user, archive. The same slug is never built twice."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from declarative_paas.providers.slugs.archive import write_archive
from declarative_paas.providers.slugs.command import MARKER, BuildFailed, kill_leftovers, run_command
from declarative_paas.providers.slugs.inspect import InspectedSource, inspect_source
from declarative_paas.providers.slugs.recipe import STATIC_SERVER
from declarative_paas.providers.slugs.registries import registry_environment, secrets_in, without_secrets
from declarative_paas.providers.slugs.scratch import Scratch, remove, scratch
from declarative_paas.providers.slugs.scripts import make_scripts_portable
from declarative_paas.providers.slugs.source import SourceError, list_files, source_digest
from declarative_paas.providers.slugs.stack import Stack
from declarative_paas.providers.slugs.store import Slug, SlugStore, file_digest
from declarative_paas.providers.slugs.tools import TOOL_SETTINGS

__all__ = ["BuildFailed", "build_source", "slug_id"]

_INSTALL_HINTS: Mapping[str, str] = {"node": "nodejs", "npm": "nodejs and npm", "python3": "python3"}


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
    """The slug of a source, built only if it is not stored whole already; of two builds at once one waits.

    `on_line` gets what the build prints, without the credentials of package registries. Raises SourceError
    when the source is not what was planned any more, BuildFailed when a command fails or the disk is full;
    then nothing is left of the build.
    """
    inspected = inspect_source(source, build)
    if inspected.digest != expected_digest:
        raise SourceError(f"{source} has changed since the plan was made: plan again")
    identifier = slug_id(inspected, stack)
    try:
        with store.lock(identifier):
            known = store.get(identifier)
            if known is not None and store.is_intact(known):
                on_line(f"slug {identifier[:8]} is built already")
                return known
            _remove_abandoned(store, identifier)
            store.remove(identifier)
            slug = _build(source, identifier, inspected, stack, store, user, on_line, time.monotonic() + timeout_s)
    except OSError as problem:
        raise BuildFailed(f"the slug cannot be written: {problem.strerror or problem}") from None
    on_line(f"slug {identifier[:8]}: {slug.size_bytes / 2**20:.1f} MB")
    return slug


def _build(
    source: Path,
    identifier: str,
    inspected: InspectedSource,
    stack: Stack,
    store: SlugStore,
    user: str | None,
    on_line: Callable[[str], None],
    deadline: float,
) -> Slug:
    with scratch(store.scratch_path(identifier), user) as place:
        place.fill(source, list_files(source))
        if source_digest(place.app) != inspected.digest:
            raise SourceError(f"{source} was changed while it was copied: plan again")
        if inspected.recipe.kind == "static":
            server = place.app / STATIC_SERVER
            server.parent.mkdir(exist_ok=True)
            shutil.copyfile(Path(__file__).with_name("static_server.py"), server)
        place.give()
        if inspected.recipe.commands:
            _run_commands(inspected, place, stack, store, on_line, deadline)
        place.take_back()
        make_scripts_portable(place.app, stack.bin)
        fresh = place.root / "slug.tar.gz"
        write_archive(place.app, fresh)
        fresh.chmod(0o644)
        slug = Slug(
            id=identifier,
            archive=store.archive_path(identifier),
            archive_digest=file_digest(fresh),
            size_bytes=fresh.stat().st_size,
            process_types=inspected.process_types,
            runtime_env=inspected.recipe.runtime_env,
        )
        fresh.replace(slug.archive)
        try:
            store.add(slug)
        except OSError:
            store.remove(identifier)
            raise
    return replace(slug, built=True)


def _run_commands(
    inspected: InspectedSource,
    place: Scratch,
    stack: Stack,
    store: SlugStore,
    on_line: Callable[[str], None],
    deadline: float,
) -> None:
    for program in inspected.recipe.needs:
        if not stack.has(program):
            raise BuildFailed(
                f"a {inspected.recipe.kind} app is built with {program}, and this machine has none that "
                f"{place.user or 'this user'} can run: install {_INSTALL_HINTS[program]}"
            )
    registries = registry_environment(stack)
    secrets = secrets_in(registries)
    environment = {**registries, **_environment(place, stack, store)}

    def report(line: str) -> None:
        on_line(without_secrets(line, secrets))

    try:
        for command in inspected.recipe.commands:
            report(f"$ {command}")
            run_command(
                command,
                directory=place.app,
                environment=environment,
                user=place.user,
                on_line=report,
                deadline=deadline,
            )
    except BuildFailed as failure:
        lines = [without_secrets(line, secrets) for line in failure.lines]
        raise BuildFailed(without_secrets(str(failure), secrets), lines, failure.exit_code) from None
    finally:
        kill_leftovers(environment[MARKER])


def _environment(place: Scratch, stack: Stack, store: SlugStore) -> Mapping[str, str]:
    """A clean environment: nothing of ours."""
    cache = store.directory / ".cache"
    cache.mkdir(exist_ok=True)
    cache.chmod(0o1777)
    return {
        **TOOL_SETTINGS,
        MARKER: str(place.root),
        "PATH": stack.path,
        "HOME": str(place.home),
        "TMPDIR": str(place.home),
        "PIP_CACHE_DIR": str(cache / "pip"),
        "npm_config_cache": str(cache / "npm"),
    }


def _remove_abandoned(store: SlugStore, held_id: str) -> None:
    """What killed builds left: directories, and processes that still write there. We hold `held_id`'s lock."""
    for left in store.directory.glob(".building-*"):
        identifier = left.name.removeprefix(".building-")
        with nullcontext(True) if identifier == held_id else store.lock(identifier, wait=False) as is_ours:
            if is_ours:
                kill_leftovers(str(left))
                remove(left)
