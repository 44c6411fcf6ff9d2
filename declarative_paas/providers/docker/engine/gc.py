"""What a region has on its engine and needs no more, and its removal. Only things with the region's labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine import containers, inventory, networks
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.dyno_container import ONE_OFF_ROLE
from declarative_paas.providers.docker.engine.inventory import ContainerView
from declarative_paas.providers.docker.engine.labels import ADDON_ROLE, PROBE_ROLE, Labels
from declarative_paas.providers.docker.engine.slug_image import BUILD_ROLE, list_slugs, remove_slug


class PrunableKind(Enum):
    """In the order of removal: a container holds its image, networks and volumes."""

    CONTAINER = "container"
    NETWORK = "network"
    VOLUME = "volume"
    SLUG = "slug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prunable:
    """Something to prune, and why. `name` is what `prune` removes it by; `size_bytes` 0 where it is not known."""

    kind: PrunableKind
    name: str
    why: str
    size_bytes: int = 0


def prunable(
    engine: Engine,
    owner: Labels,
    *,
    keep_slugs: Collection[str],
    keep_networks: Collection[str],
    keep_volumes: Collection[str],
) -> list[Prunable]:
    """What may go, in the order of removal; four calls. `keep_…`: slug keys and names that the records name.

    A slug that a container runs, and a network or volume that a container has, stay in any case. While a build or
    an apply of the region goes on, its leftovers-to-be look like leftovers: hold the region's lock.
    """
    there = inventory.containers(engine, inventory.place_of(owner))
    why = {view.name: reason for view in there if (reason := _ended(view)) is not None}
    staying = [view for view in there if view.name not in why]
    found = [Prunable(kind=PrunableKind.CONTAINER, name=name, why=reason) for name, reason in why.items()]
    found += _networks(engine, owner, staying, keep_networks)
    found += _volumes(engine, owner, staying, keep_volumes)
    found += _slugs(engine, owner, staying, keep_slugs)
    return found


def prune(engine: Engine, owner: Labels, items: Sequence[Prunable]) -> list[ProviderError]:
    """Removes them; one that cannot be removed does not keep the others. Returns what went wrong."""
    problems: list[ProviderError] = []
    order = list(PrunableKind)
    for item in sorted(items, key=lambda item: order.index(item.kind)):
        try:
            _remove(engine, owner, item)
        except ProviderError as problem:
            problems.append(problem)
    return problems


def _remove(engine: Engine, owner: Labels, item: Prunable) -> None:
    match item.kind:
        case PrunableKind.CONTAINER:
            containers.remove(engine, item.name, owner)
        case PrunableKind.NETWORK:
            networks.remove_network(engine, item.name, owner)
        case PrunableKind.VOLUME:
            containers.remove_volume(engine, item.name, owner)
        case PrunableKind.SLUG:
            remove_slug(engine, owner, item.name)


def _ended(view: ContainerView) -> str | None:
    """Why a container is no more use to anybody."""
    if view.labels.role == BUILD_ROLE:
        return "an unfinished build"
    if view.labels.role == PROBE_ROLE:
        return "an unfinished look at the disk"
    # Its command, which would have removed it, was killed.
    return "a one-off dyno that has ended" if view.labels.role == ONE_OFF_ROLE and view.state == "exited" else None


def _networks(engine: Engine, owner: Labels, staying: Sequence[ContainerView], keep: Collection[str]) -> list[Prunable]:
    # An add-on's server is on the networks of others, and keeps none of them.
    used = {name for view in staying if view.labels.role != ADDON_ROLE for name in view.networks} | set(keep)
    return [
        Prunable(kind=PrunableKind.NETWORK, name=view.name, why="no container is on it")
        for view in inventory.networks(engine, inventory.place_of(owner))
        if view.name not in used
    ]


def _volumes(engine: Engine, owner: Labels, staying: Sequence[ContainerView], keep: Collection[str]) -> list[Prunable]:
    used = {name for view in staying for name in view.volumes} | set(keep)
    return [
        Prunable(kind=PrunableKind.VOLUME, name=view.name, why="no container has it")
        for view in inventory.volumes(engine, inventory.place_of(owner))
        if view.name not in used
    ]


def _slugs(engine: Engine, owner: Labels, staying: Sequence[ContainerView], keep: Collection[str]) -> list[Prunable]:
    running = {view.image_id for view in staying}
    return [
        Prunable(kind=PrunableKind.SLUG, name=slug.key, why="no release needs it", size_bytes=slug.size_bytes)
        for slug in list_slugs(engine, owner)
        if slug.key not in keep and slug.id not in running
    ]
