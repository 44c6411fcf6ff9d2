"""Builds the image of a source's Dockerfile, by the engine's own builder, on a network of its own.

What a Dockerfile runs is run as root of its container, as everywhere: it installs packages. So it is kept apart from
everybody else as a dyno is; the image's dynos are unprivileged as all others.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import networks, source_archive
from declarative_paas.providers.docker.engine.build import build_from_text, check_progress
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.slug_build import BUILD_MEMORY_MB
from declarative_paas.providers.docker.engine.slug_image import (
    BUILD_ROLE,
    SlugImage,
    find_slug,
    image_key,
    image_labels,
    slug_reference,
    stage_reference,
)
from declarative_paas.providers.slugs.docker_context import DockerBuild, DockerContext, inspect_context
from declarative_paas.providers.slugs.source import SourceError

STAGE_ROLE: Final = "stage"
ENDING_S: Final = 15.0
_STEP: Final = re.compile(r"Step \d+/\d+ : (\w+)")
_MADE: Final = re.compile(r" ?---> ([0-9a-f]{12})")


def build_image(
    engine: Engine,
    owner: Labels,
    source: Path,
    how: DockerBuild,
    *,
    expected_digest: str,
    pool: networks.Pool,
    on_line: Callable[[str], None],
    timeout_s: float,
) -> SlugImage:
    """The image of a source by its Dockerfile, built only if the engine does not have it.

    Hold a lock for the region around it, as for `build_slug`. `on_line` gets what the build prints. Raises SourceError
    when the source is not what was planned any more, ProviderError (FAILED, with the last lines) when a step fails.
    The engine keeps what it made until then, as its own cache.
    """
    context = inspect_context(source, how)
    if context.digest != expected_digest:
        raise SourceError(f"{source} has changed since the plan was made: plan again")
    key = image_key(context.digest)
    known = find_slug(engine, owner, key)
    if known is not None:
        on_line(f"image {key[:8]} is built already")
        return known
    network = object_name(owner, "build", key[:12])
    labels = Labels(platform=owner.platform, region=owner.region, scope=owner.scope, app=owner.app, role=BUILD_ROLE)
    progress = _Progress(on_line, until=time.monotonic() + timeout_s, timeout_s=timeout_s)
    networks.ensure_network(engine, network, labels, pool)
    try:
        _build(engine, owner, key, source, how, context, network, progress)
    finally:
        _remove_network(engine, network, owner)
    _keep_stages(engine, owner, key, progress.stages)
    made = find_slug(engine, owner, key)
    assert made is not None, "an image that was just built"
    on_line(f"image {key[:8]}: {made.size_bytes / 2**20:.1f} MB")
    return replace(made, built=True)


class _Progress:
    """What the builder tells: passed on, its stages noted, its time kept."""

    def __init__(self, on_line: Callable[[str], None], *, until: float, timeout_s: float) -> None:
        self._on_line = on_line
        self._until = until
        self._made = ""
        self.timeout_s = timeout_s
        self.stages: list[str] = []

    def __call__(self, line: str) -> None:
        step, made = _STEP.match(line), _MADE.fullmatch(line)
        if step is not None and step[1].upper() == "FROM" and self._made:
            self.stages.append(self._made)
        if made is not None:
            self._made = made[1]
        self._on_line(line)
        if time.monotonic() > self._until:
            raise self.late()

    def late(self) -> ProviderError:
        return ProviderError(ErrorKind.FAILED, f"the build did not end within {self.timeout_s:g} s")


def _build(
    engine: Engine,
    owner: Labels,
    key: str,
    source: Path,
    how: DockerBuild,
    context: DockerContext,
    network: str,
    progress: _Progress,
) -> None:
    import requests.exceptions
    import urllib3.exceptions

    doing = f"build {how.file}"
    with source_archive.packed_context(source, how, context) as archive, engine.told(doing):
        try:
            answer: Any = engine.api.build(
                fileobj=archive,
                custom_context=True,
                dockerfile=how.file,
                target=how.target,
                buildargs=dict(how.args),
                tag=slug_reference(owner, key),
                labels=image_labels(owner, key),
                network_mode=network,
                container_limits={"memory": BUILD_MEMORY_MB * 2**20, "memswap": BUILD_MEMORY_MB * 2**20},
                rm=True,
                forcerm=True,
                decode=True,
                # Of a step that prints nothing.
                timeout=progress.timeout_s,
            )
            # The engine ends a build whose caller reads no more.
            with closing(answer):
                check_progress(answer, doing, on_line=progress)
        except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError):
            raise progress.late() from None


def _remove_network(engine: Engine, network: str, owner: Labels) -> None:
    """The builder's container on it is the engine's own, which takes a moment to end one whose build was given up."""
    deadline = time.monotonic() + ENDING_S
    while True:
        try:
            networks.remove_network(engine, network, owner)
            return
        except ProviderError:
            if time.monotonic() > deadline:
                return  # a leftover, which `dpaas gc` finds
        time.sleep(0.2)


def _keep_stages(engine: Engine, owner: Labels, key: str, stages: Sequence[str]) -> None:
    """With a name and labels they go with the slug; nameless, nobody would know whose they are."""
    labels = Labels(platform=owner.platform, region=owner.region, role=STAGE_ROLE).to_map()
    label = " ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    for number, stage in enumerate(stages, start=1):
        text = f"FROM {stage}\nLABEL {label}\n"
        tag = stage_reference(owner, key, number)
        build_from_text(engine, text, tag=tag, labels={}, doing=f"keep a stage of slug {key[:8]}")
