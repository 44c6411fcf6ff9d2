"""Images that we do not make: used when the engine has them, pulled otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import build
from declarative_paas.providers.docker.engine.connection import Engine


def image_id(engine: Engine, reference: str) -> str | None:
    """The image's id on this engine; None when it is not there. Raises ProviderError."""
    import docker.errors

    with engine.told(f"look for the image {reference}"):
        try:
            api = engine.api
            found = api.inspect_image(reference)
        except docker.errors.ImageNotFound:
            return None
    return str(found["Id"])


def ensure_image(engine: Engine, reference: str, *, report: Callable[[str], None] = lambda _: None) -> str:
    """The id of an image: as it is there, or pulled. Raises ProviderError (INVALID) when neither is possible."""
    known = image_id(engine, reference)
    if known is not None:
        return known
    report(f"pulling {reference}")
    name, tag = split_reference(reference)
    doing = f"pull {reference}"
    try:
        with engine.told(doing):
            api = engine.api
            answer = api.pull(name, tag=tag, stream=True, decode=True)
            build.check_progress(answer, doing)
    except ProviderError as problem:
        raise ProviderError(
            ErrorKind.INVALID,
            f"the image {reference} is not on {engine.where} and cannot be pulled",
            detail=[str(problem), *problem.detail],
        ) from None
    pulled = image_id(engine, reference)
    if pulled is None:
        raise ProviderError(ErrorKind.INVALID, f"{reference} was pulled, and {engine.where} has no such image")
    return pulled


def platform_of(engine: Engine, image: str | None = None) -> str:
    """`linux/amd64`: what an image was made for, or what the engine runs. Raises ProviderError."""
    api: Any = engine.api
    with engine.told("ask for the platform"):
        if image is None:
            told = api.version()
            return f"{told['Os']}/{told['Arch']}"
        found = api.inspect_image(image)
    return f"{found['Os']}/{found['Architecture']}"


def split_reference(reference: str) -> tuple[str, str]:
    """`name:tag` or `name@sha256:…` as the pull call wants it; without either, the tag `latest`. Pure."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest
    head, colon, tag = reference.rpartition(":")
    # A colon before the last slash is a registry's port.
    return (head, tag) if colon and "/" not in tag else (reference, "latest")
