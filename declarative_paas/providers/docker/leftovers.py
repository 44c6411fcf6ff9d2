"""What a region has on its engine and no app needs: unfinished builds, lost networks and volumes, old slugs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from declarative_paas.core.provider import Leftover
from declarative_paas.providers.docker.engine import gc
from declarative_paas.providers.docker.engine.gc import Prunable, PrunableKind
from declarative_paas.providers.docker.records import VolumeAddonRecords
from declarative_paas.providers.hosting.cleanup import needed_slugs

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion


def leftovers(region: DockerRegion) -> Sequence[Leftover]:
    """A volume whose add-on is recorded is data, also while no container has it."""
    place = region.addons.place
    addons = [place.server(key) for key in VolumeAddonRecords(region.files).known()]
    found = gc.prunable(
        region.engine,
        region.owner,
        keep_slugs=needed_slugs(region.records),
        keep_networks=[place.network],
        keep_volumes=[*addons, *region.own_volumes],
    )
    return [Leftover(kind=item.kind.value, name=item.name, why=item.why, size_bytes=item.size_bytes) for item in found]


def clear(region: DockerRegion, items: Sequence[Leftover]) -> Sequence[str]:
    """Removes them; what could not be removed."""
    wanted = [
        Prunable(kind=PrunableKind(item.kind), name=item.name, why=item.why, size_bytes=item.size_bytes)
        for item in items
    ]
    return [problem.summary for problem in gc.prune(region.engine, region.owner, wanted)]
