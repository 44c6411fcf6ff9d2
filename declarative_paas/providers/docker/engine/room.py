"""Whether an engine's disk is full: what found no room for its work had none for a word about it either."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import Entry, spec_digest
from declarative_paas.providers.docker.engine.labels import PROBE_ROLE, Labels

ENOUGH_BYTES: Final = 2**20


def last_words(engine: Engine, name: str, owner: Labels, count: int = 20) -> list[str]:
    """The end of what our container wrote; where it wrote nothing, and the disk is full, that."""
    lines = containers.last_lines(engine, name, count)
    return lines or lack_of_room(engine, name, owner)


def lack_of_room(engine: Engine, name: str, owner: Labels) -> list[str]:
    """A line that says so, or nothing. Tried on a container that is made of the same image and removed at once."""
    known = containers.inspected(engine, name, owner)
    if known is None:
        return []
    probe = f"{name}-room"
    labels = Labels(platform=owner.platform, region=owner.region, role=PROBE_ROLE)
    config = {"Image": known["Image"], "Entrypoint": [], "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}
    try:
        containers.create(engine, probe, config, labels.with_(spec=spec_digest(config)))
        containers.put(engine, probe, (Entry(path="/room", content=bytes(ENOUGH_BYTES)),))
    except ProviderError as problem:
        return [problem.summary]
    finally:
        with suppress(ProviderError):
            containers.remove(engine, probe, owner)
    return []
