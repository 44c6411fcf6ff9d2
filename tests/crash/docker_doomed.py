"""The kill loop on a real Docker engine. The audit asks the engine, by labels, and `dpaas gc` for what belongs to
nothing.
"""

from __future__ import annotations

import re
from typing import Any

from docker_project import DockerProject
from docker_rig import DockerRig
from kill_loop import Inventory, KillLoop


class DockerDoomed(KillLoop):
    """On the rig's first engine."""

    def __init__(self, rig: DockerRig) -> None:
        self._host = rig.us
        self._docker_project = DockerProject(rig)
        del self._docker_project.regions["eu"]
        super().__init__(self._docker_project)

    def left(self) -> Inventory:
        return self._docker_project.left()

    def inventory(self) -> Inventory:
        """Slugs are kept for rollbacks: that none is kept for nothing is what counts."""
        mine = {"label": [f"dpaas.platform={self.project.name}"]}
        with self._host.open() as engine:
            api: Any = engine.api
            containers = [
                f"{item['Labels']['dpaas.role']} {_named(item['Labels'].get('dpaas.instance', ''))} {item['State']}"
                for item in api.containers(all=True, filters=mine)
            ]
            networks = [_named(item["Name"]) for item in api.networks(filters=mine)]
            volumes = [_named(item["Name"]) for item in api.volumes(filters=mine)["Volumes"] or []]
        return {
            "containers": sorted(containers),
            "networks": sorted(networks),
            "volumes": sorted(volumes),
            "left over": [line for line in self.project.dpaas("gc").stdout.splitlines() if "left over" not in line],
        }


def _named(name: str) -> str:
    """Without what differs from one apply to the next: a dyno's release and fingerprint, an add-on's random id."""
    return re.sub(r"[.-][0-9a-f]{10}\b", "-ID", re.sub(r"\.v\d+\.", ".vN.", name))
