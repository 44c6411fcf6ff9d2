"""A region's keeper: a small container that always runs, has no network and holds the volume of the region's records.

While it runs no `docker volume prune` takes the volume; and through it the records are written and read.
"""

from __future__ import annotations

from typing import Any, Final

from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG, NOBODY, Entry
from declarative_paas.providers.docker.engine.labels import Labels, object_name

RECORDS: Final = "/records"
ROLE: Final = "keeper"
SCRIPT: Final = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"


class Keeper:
    """One a region. Nothing is asked of the engine until a method is called."""

    def __init__(self, engine: Engine, owner: Labels, image: str) -> None:
        self._engine = engine
        self._labels = Labels(platform=owner.platform, region=owner.region, role=ROLE)
        self._image = image
        self.name = object_name(owner, "keeper")
        self.volume = object_name(owner, "records")

    def ensure_running(self) -> None:
        """Makes volume and container unless they are there, and starts it. Raises ProviderError.

        A keeper on another image is left as it is: it does the same.
        """
        known = containers.inspected(self._engine, self.name, self._labels)
        if known is None:
            containers.ensure_volume(self._engine, self.volume, self._labels)
            containers.create(self._engine, self.name, self._config(), self._labels)
            # Before its first start: a new volume belongs to root.
            containers.put(self._engine, self.name, [Entry(path=RECORDS, mode=0o700)])
        if known is None or not known["State"]["Running"]:
            containers.start(self._engine, self.name)

    def remove(self) -> None:
        """The container and the volume with every record. A no-op when they are gone."""
        containers.remove(self._engine, self.name, self._labels)
        containers.remove_volume(self._engine, self.volume, self._labels)

    def _config(self) -> dict[str, Any]:
        return {
            "Image": self._image,
            "Entrypoint": [],
            "Cmd": ["/bin/sh", "-c", SCRIPT],
            "User": NOBODY,
            "StopTimeout": 5,
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [{"Type": "volume", "Source": self.volume, "Target": RECORDS}],
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "PidsLimit": 256,
                "Memory": 256 * 2**20,
                "RestartPolicy": {"Name": "unless-stopped"},
                "LogConfig": LOG_CONFIG,
                "Init": True,
            },
        }
