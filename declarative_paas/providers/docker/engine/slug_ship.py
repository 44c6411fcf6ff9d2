"""Sends a slug from one region's engine to another's: streamed through us, only when missing, nothing kept here."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.build import build_from_text, check_progress
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.engine.dyno_container import APP, SLUG
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.slug_image import (
    BUILD_ROLE,
    SlugImage,
    commit_slug,
    find_slug,
    owner_labels,
    slug_reference,
)
from declarative_paas.providers.docker.engine.stack import list_stacks

_LOADED: Final = re.compile(r"Loaded image ID: (sha256:[0-9a-f]{64})")
_IDLE: Final[Mapping[str, Any]] = {"Cmd": ["/bin/sh"], "Entrypoint": [], "HostConfig": {"NetworkMode": "none"}}


def ship(source: Engine, target: Engine, source_owner: Labels, target_owner: Labels, key: str) -> SlugImage:
    """The slug on the target's engine: nothing is sent when it is there. Streams, and keeps nothing here.

    Raises ProviderError: INVALID when the source has no such slug, or the target not the stack it was built on.
    """
    known = find_slug(target, target_owner, key)
    if known is not None:
        return known
    slug = find_slug(source, source_owner, key)
    if slug is None:
        raise ProviderError(ErrorKind.INVALID, f"slug {key[:8]} is not on {source.where}")
    with outgoing(source, source_owner, slug) as pieces:
        if slug.is_image:
            return incoming_image(target, target_owner, key, image_labels(source, slug), pieces)
        return incoming(target, target_owner, key, slug.stack, image_labels(source, slug), pieces)


@contextmanager
def outgoing(engine: Engine, owner: Labels, slug: SlugImage) -> Generator[Iterator[bytes]]:
    """The slug's content as a tar stream, of a Dockerfile's the whole image; the same one each time."""
    if slug.is_image:
        with engine.told(f"read slug {slug.key[:8]}"):
            # By its id: a name would be made on the other engine, too.
            yield iter(engine.api.get_image(slug.id))
        return
    name = object_name(owner, "ship", slug.key[:12])
    containers.ensure_created(engine, name, {**_IDLE, "Image": slug.id}, owner.with_(role=BUILD_ROLE))
    try:
        with engine.told(f"read slug {slug.key[:8]}"):
            pieces, _ = engine.api.get_archive(name, SLUG)
            yield iter(pieces)
    finally:
        with suppress(ProviderError):
            containers.remove(engine, name, owner)


def incoming(
    engine: Engine,
    owner: Labels,
    key: str,
    stack_digest: str,
    labels: Mapping[str, str],
    pieces: Iterator[bytes],
    accept: Callable[[], None] = lambda: None,
) -> SlugImage:
    """Makes the slug of a tar stream. `accept` is called when all of it is there, and raises to refuse it.

    Raises ProviderError (INVALID) when the engine has not the stack it was built on; then nothing is left here.
    """
    stack = next((found for found in list_stacks(engine) if found.digest == stack_digest), None)
    if stack is None:
        raise ProviderError(
            ErrorKind.INVALID,
            f"slug {key[:8]} was built on stack {stack_digest}, and {engine.where} has no such stack: "
            "make it there too, or build the app anew",
        )
    name = object_name(owner, "receive", key[:12])
    try:
        containers.remove(engine, name, owner)
        containers.create(engine, name, {**_IDLE, "Image": stack.id}, owner.with_(role=BUILD_ROLE))
        with engine.told(f"write slug {key[:8]}"):
            api = engine.api
            api.put_archive(name, "/", pieces)
        accept()
        containers.put(engine, name, [Entry(path=APP)])
        return commit_slug(engine, name, owner, key, {**labels, **owner_labels(owner)})
    finally:
        with suppress(ProviderError):
            containers.remove(engine, name, owner)


def incoming_image(
    engine: Engine,
    owner: Labels,
    key: str,
    labels: Mapping[str, str],
    pieces: Iterator[bytes],
    accept: Callable[[], None] = lambda: None,
) -> SlugImage:
    """Makes the slug of an image's tar stream, with the labels of its new owner. `accept` as for `incoming`."""
    doing = f"write slug {key[:8]}"
    with engine.told(doing):
        answer: Any = engine.api.load_image(pieces)
        lines = check_progress(answer, doing)
    loaded = next((found[1] for line in lines if (found := _LOADED.search(line))), None)
    if loaded is None:
        raise ProviderError(ErrorKind.FAILED, f"{doing}: {engine.where} took no image out of it", detail=lines[-5:])
    try:
        accept()
        build_from_text(
            engine,
            f"FROM {loaded}\n",
            tag=slug_reference(owner, key),
            labels={**labels, **owner_labels(owner)},
            doing=doing,
        )
    except BaseException:
        _forget(engine, loaded)
        raise
    made = find_slug(engine, owner, key)
    assert made is not None, "an image that was just named"
    return made


def _forget(engine: Engine, image: str) -> None:
    """An image of no name, unless something was made of it meanwhile, or was there before."""
    with suppress(ProviderError), engine.told("remove an image"):
        engine.api.remove_image(image)


def image_labels(engine: Engine, slug: SlugImage) -> Mapping[str, str]:
    """All that is known of the slug."""
    with engine.told("read the slug's labels"):
        api = engine.api
        found: Mapping[str, str] = api.inspect_image(slug.id)["Config"]["Labels"]
    return found
