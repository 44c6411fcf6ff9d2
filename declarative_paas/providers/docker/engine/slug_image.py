"""Slugs as images: a stack with the built app in /slug, or what a Dockerfile made.

Content-addressed: built once, shipped only when missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY
from declarative_paas.providers.docker.engine.dyno_container import APP
from declarative_paas.providers.docker.engine.labels import PLATFORM, REGION, Labels
from declarative_paas.providers.docker.engine.stack import SYSTEM_PATH
from declarative_paas.providers.slugs.inspect import InspectedSource

REPOSITORY: Final = "dpaas/slug"
ROLE: Final = "slug"
BUILD_ROLE: Final = "build"
"""Of the containers and networks that a build or a shipping has while it lasts."""

_SLUG, _STACK, _TYPES = "dpaas.slug", "dpaas.stack", "dpaas.process_types"
_RUNTIME_ENV, _SIZE = "dpaas.runtime_env", "dpaas.size"
_FORM, _IMAGE = "dpaas.form", "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlugImage:
    """A slug on an engine. `stack` is the digest of the stack it was built on; `size_bytes` is of /slug alone.

    `is_image`: made by a Dockerfile. It is run as it is, has no stack and no /slug, and counts with its base.
    `runtime_env`: variables for the app's environment, complete; the release's own go above them.
    """

    id: str
    key: str
    stack: str
    size_bytes: int
    process_types: Mapping[str, str]
    runtime_env: Mapping[str, str]
    owner: Labels
    is_image: bool = False
    built: bool = False

    @property
    def reference(self) -> str:
        return slug_reference(self.owner, self.key)


def slug_key(inspected: InspectedSource, stack_digest: str) -> str:
    """The same source, recipe and stack have the same key, on any engine. Pure."""
    content = f"{inspected.digest}\0{inspected.recipe.digest}\0docker\0{stack_digest}"
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def image_key(digest: str) -> str:
    """Of what a Dockerfile makes of a source. Pure."""
    return hashlib.sha256(f"image\0{digest}\0docker".encode()).hexdigest()[:32]


def slug_reference(owner: Labels, key: str) -> str:
    """The image's name. Each region has names of its own: what one prunes may be another's release."""
    return f"{REPOSITORY}:{owner.place}.{key}"


def list_slugs(engine: Engine, owner: Labels) -> list[SlugImage]:
    """Every slug of the region on the engine, in one call, by key."""
    wanted = [f"{PLATFORM}={owner.platform}", f"{REGION}={owner.region}", f"dpaas.role={ROLE}"]
    with engine.told("list the slugs"):
        found: Any = engine.api.images(filters={"label": wanted})
    slugs = [(_slug_of(item, item["Labels"], owner), item.get("RepoTags") or ()) for item in found]
    # One that somebody took the name from is none any more: nobody finds it.
    return sorted((slug for slug, tags in slugs if slug.reference in tags), key=lambda slug: slug.key)


def find_slug(engine: Engine, owner: Labels, key: str) -> SlugImage | None:
    """The slug; None when it is not on this engine."""
    import docker.errors

    api = engine.api
    with engine.told(f"look for slug {key[:8]}"):
        try:
            found = api.inspect_image(slug_reference(owner, key))
        except docker.errors.ImageNotFound:
            return None
    return _slug_of(found, found["Config"]["Labels"], owner)


def remove_slug(engine: Engine, owner: Labels, key: str) -> bool:
    """Whether it was there; with it go the stages of its build. Raises ProviderError (TRANSIENT) while it is used."""
    import docker.errors

    with engine.told(f"remove slug {key[:8]}"):
        try:
            engine.api.remove_image(slug_reference(owner, key))
        except docker.errors.ImageNotFound:
            return False
        with suppress(docker.errors.ImageNotFound):
            for number in count(1):
                engine.api.remove_image(stage_reference(owner, key, number))
    return True


def stage_reference(owner: Labels, key: str, number: int) -> str:
    """The name of an image of a stage that a slug's build left, counted from 1: what makes the next build short."""
    return f"{slug_reference(owner, key)}.{number}"


def remove_nameless(engine: Engine, owner: Labels) -> None:
    """The images of slugs that somebody took the names from, once nothing runs on them."""
    import docker.errors

    api = engine.api
    with engine.told("remove the slugs without a name"):
        for item in api.images(
            filters={"label": [f"{name}={value}" for name, value in owner_labels(owner).items()], "dangling": True}
        ):
            with suppress(docker.errors.NotFound):
                api.remove_image(item["Id"])


def commit_slug(engine: Engine, container: str, owner: Labels, key: str, labels: Mapping[str, str]) -> SlugImage:
    """Makes the slug's image of a container that holds it. Raises ProviderError."""
    with engine.told(f"keep slug {key[:8]}"):
        api = engine.api
        api.commit(
            container,
            repository=REPOSITORY,
            tag=slug_reference(owner, key).partition(":")[2],
            conf={"Labels": dict(labels), "Cmd": ["/bin/sh"], "User": NOBODY, "WorkingDir": APP},
        )
    made = find_slug(engine, owner, key)
    assert made is not None, "an image that was just committed"
    return made


def slug_labels(
    owner: Labels, key: str, stack_digest: str, inspected: InspectedSource, *, size_bytes: int
) -> dict[str, str]:
    """The labels of a slug's image: all that is known of it, so that nothing else need be kept. Pure."""
    runtime_env = {
        name: value.replace("{app}", APP).replace("$PATH", SYSTEM_PATH)
        for name, value in inspected.recipe.runtime_env.items()
    }
    return {
        **owner_labels(owner),
        _SLUG: key,
        _STACK: stack_digest,
        _TYPES: json.dumps(dict(inspected.process_types), sort_keys=True),
        _RUNTIME_ENV: json.dumps(runtime_env, sort_keys=True),
        _SIZE: str(size_bytes),
    }


def image_labels(owner: Labels, key: str) -> dict[str, str]:
    """The same of an image that a Dockerfile makes. Pure."""
    return {**owner_labels(owner), _SLUG: key, _FORM: _IMAGE}


def owner_labels(owner: Labels) -> dict[str, str]:
    """Those labels of a slug's image that say whose it is. Pure."""
    return Labels(platform=owner.platform, region=owner.region, role=ROLE).to_map()


def _slug_of(found: Mapping[str, Any], labels: Mapping[str, str], owner: Labels) -> SlugImage:
    return SlugImage(
        id=found["Id"],
        key=labels.get(_SLUG, ""),
        stack=labels.get(_STACK, ""),
        size_bytes=int(labels.get(_SIZE, found["Size"])),
        process_types=json.loads(labels.get(_TYPES, "{}")),
        runtime_env=json.loads(labels.get(_RUNTIME_ENV, "{}")),
        owner=Labels(platform=owner.platform, region=owner.region),
        is_image=labels.get(_FORM) == _IMAGE,
    )
