"""From a dyno of a release to the container it is to be: names, labels, environment, limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from declarative_paas.catalog.model import DynoSize
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.attached import Attached
from declarative_paas.providers.docker.engine import dyno_container
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.inventory import ContainerView, NetworkView
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.slug_image import find_slug
from declarative_paas.providers.hosting.environment import dyno_environment

APP_DIRECTORY: Final = "/app"
IMAGE: Final = "image:"
"""What a release's slug begins with when it is an image; the rest is the image's id on this engine."""

DYNO, ONE_OFF = dyno_container.ROLE, dyno_container.ONE_OFF_ROLE
"""Roles, of containers and of their networks."""


def labels_of(owner: Labels, app: Attached, role: str, identifier: str, release: int) -> Labels:
    """`instance` is the dyno's id: all that there is to know of it."""
    return owner.with_(
        role=role,
        scope=app.scope,
        app=app.app,
        address=f"formation.{app.name}",
        instance=identifier,
        release=str(release),
    )


def container_name(owner: Labels, identifier: str) -> str:
    """Also its network's."""
    return object_name(owner, identifier)


def dyno_name(identifier: str) -> str:
    """`web.1`: a dyno's id is app.type.number.vRELEASE.FINGERPRINT."""
    return ".".join(identifier.split(".")[1:3])


def name_of(container: ContainerView) -> str:
    """The name of a container's dyno."""
    return dyno_name(container.labels.instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """What a release's dynos run: a slug, or an image with the `argv` that it starts by itself."""

    image: str
    is_slug: bool
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    argv: tuple[str, ...] = ()


def runnable_of(engine: Engine, owner: Labels, slug_id: str) -> Runnable:
    """Raises ProviderError when it is not on the engine any more."""
    if slug_id.startswith(IMAGE):
        return _image(engine, slug_id.removeprefix(IMAGE))
    found = find_slug(engine, owner, slug_id)
    if found is None:
        raise ProviderError(ErrorKind.FAILED, f"slug {slug_id} is not stored any more: deploy again")
    if found.is_image:
        return _image(engine, found.reference)
    return Runnable(image=found.reference, is_slug=True, environment=found.runtime_env)


def _image(engine: Engine, identifier: str) -> Runnable:
    """By itself it starts ENTRYPOINT and CMD as Docker does: without a shell, which it may not have."""
    api: Any = engine.api
    with engine.told("look at the release's image"):
        config = api.inspect_image(identifier)["Config"]
    return Runnable(
        image=identifier, is_slug=False, argv=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    )


def fixed_address(network: NetworkView) -> str:
    """The highest of the dyno's own network: the router knows a dyno by it, so no restart may change it.

    Add-on servers take the lowest that are free, and the engine is free to start them first.
    """
    return str(ipaddress.IPv4Network(str(network.subnet)).broadcast_address - 1)


def dyno_of(
    *,
    name: str,
    app: str,
    version: int,
    dyno_name: str,
    command: str,
    size: DynoSize,
    runs: Runnable,
    labels: Labels,
    network: NetworkView,
    release: Mapping[str, str],
    web: bool,
    stop_timeout_s: float,
    restarts: bool,
) -> dyno_container.Dyno:
    """The container of a dyno, or of a one-off. `release` is its release's environment, in clear.

    Raises ProviderError (INVALID) when neither the formation nor the image says what to run.
    """
    if not command and not runs.argv:
        raise ProviderError(
            ErrorKind.INVALID, f"{dyno_name} has no command, and its image names none: neither CMD nor ENTRYPOINT"
        )
    environment = dyno_environment(release, runs.environment, app_directory=APP_DIRECTORY, path="")
    return dyno_container.Dyno(
        name=name,
        image=runs.image,
        command=command,
        argv=runs.argv,
        from_slug=runs.is_slug,
        labels=labels,
        environment={
            **environment,
            "DYNO": dyno_name,
            "HEROKU_APP_NAME": app,
            "HEROKU_RELEASE_VERSION": f"v{version}",
        },
        network=network.name,
        address=fixed_address(network),
        memory_mb=size.memory_mb,
        memory_kill_mb=size.memory_kill_mb,
        cpu_share=size.cpu_share,
        pids=size.pids,
        dedicated=size.dedicated,
        port=dyno_container.PORT if web else None,
        stop_timeout_s=max(1, round(stop_timeout_s)),
        restarts=restarts,
    )


def is_of(container: ContainerView, *roles: str) -> bool:
    return container.labels.role in roles and container.labels.instance.count(".") >= 4
