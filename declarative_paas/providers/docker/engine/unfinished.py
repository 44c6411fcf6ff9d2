"""What a killed build of a stack or of a server's image leaves on an engine: told by a label, taken up, or taken away.

A finished image has a label of its own in that place, and what it was made on is no image of its own any more.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine.connection import Engine

ROLE_LABEL: Final = "dpaas.role"
SOURCE_LABEL: Final = "dpaas.source"
ROLE: Final = "unfinished"
MARK: Final = f"LABEL {ROLE_LABEL}={ROLE}"
"""The second line of a Dockerfile of ours: the images between its lines bear it."""

ABANDONED_S: Final = 3600
"""A younger one may be under way. Longer than the longest call by far, whatever two clocks say."""


def base_of(engine: Engine, source: str) -> str | None:
    """The id of an image that was imported of this source, and of which nothing was made yet."""
    found = [image["Id"] for image in _images(engine) if image["Labels"].get(SOURCE_LABEL) == source]
    return str(found[0]) if found else None


def labels_of(source: str) -> tuple[str, ...]:
    """Instructions that give an imported root filesystem its labels. Pure."""
    return (MARK, f"LABEL {SOURCE_LABEL}={source}")


def clear(engine: Engine, *, base: str | None = None) -> None:
    """Takes away what is abandoned, and what is left of the base whatever its age. What cannot go now stays."""
    now = time.time()
    with suppress(ProviderError), engine.told("take away what builds left"):
        api: Any = engine.api
        for container in api.containers(all=True, filters={"label": f"{ROLE_LABEL}={ROLE}"}):
            if container["ImageID"] == base or now - container["Created"] > ABANDONED_S:
                with suppress(ProviderError), engine.told("remove a build's container"):
                    api.remove_container(container["Id"], force=True, v=True)
        for image in _images(engine):
            if image["Id"] == base or now - image["Created"] > ABANDONED_S:
                with suppress(ProviderError), engine.told("remove a build's image"):
                    api.remove_image(image["Id"])


def _images(engine: Engine) -> list[Any]:
    """Those on which nothing was made: the engine leaves out all others."""
    with engine.told("list the unfinished images"):
        found: list[Any] = engine.api.images(filters={"label": f"{ROLE_LABEL}={ROLE}"})
    return found
