"""A region's keeper: a small container that always runs, has no network and holds the volume of the region's records.

While it runs no `docker volume prune` takes the volume; and through it the records are written and read. It also holds
the last lines of the region's log, in its own file system, and notes which containers use more memory than they
reserved: for that it sees the host's control groups, to read them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from declarative_paas.providers.docker.engine import containers, keeper_inside
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG, NOBODY, Entry, spec_digest
from declarative_paas.providers.docker.engine.labels import SPEC, Labels, object_name

RECORDS: Final = "/records"
ROLE: Final = "keeper"
LOGS: Final = "/logs"
SCRIPT: Final = f"trap 'exit 0' TERM INT; while :; do python3 -I \"$1\" {LOGS} & wait $!; sleep 60 & wait $!; done"


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

        A keeper on another image is left as it is: it does the same. One of another version is made again.
        """
        known = containers.inspected(self._engine, self.name, self._labels)
        config = self._config()
        labels = self._labels.with_(spec=spec_digest({**config, "Image": None}))
        if known is not None and known["Config"]["Labels"].get(SPEC) != labels.spec:
            containers.remove(self._engine, self.name, self._labels)
            known = None
        if known is None:
            containers.ensure_volume(self._engine, self.volume, self._labels)
            containers.create(self._engine, self.name, config, labels)
        if known is None or not known["State"]["Running"]:
            # Before its first start, and again after one that was killed half-way: a new volume belongs to root.
            containers.put(self._engine, self.name, _entries())
            containers.start(self._engine, self.name)

    def remove(self) -> None:
        """The container and the volume with every record. A no-op when they are gone."""
        containers.remove(self._engine, self.name, self._labels)
        containers.remove_volume(self._engine, self.volume, self._labels)

    def _config(self) -> dict[str, Any]:
        return {
            "Image": self._image,
            "Entrypoint": [],
            "Cmd": ["/bin/sh", "-c", SCRIPT, "keeper", _program().path],
            "User": NOBODY,
            "StopTimeout": 5,
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [
                    {"Type": "volume", "Source": self.volume, "Target": RECORDS},
                    {
                        "Type": "bind",
                        "Source": "/sys/fs/cgroup",
                        "Target": str(keeper_inside.GROUPS),
                        "ReadOnly": True,
                    },
                ],
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "PidsLimit": 256,
                "Memory": 256 * 2**20,
                "RestartPolicy": {"Name": "unless-stopped"},
                "LogConfig": LOG_CONFIG,
                "Init": True,
            },
        }


@cache
def _program() -> Entry:
    """What it runs; its name is of its content, so a keeper of another version is of another config."""
    content = Path(keeper_inside.__file__).read_bytes()
    return Entry(path=f"/dpaas/keeper-{hashlib.sha256(content).hexdigest()[:12]}.py", content=content, mode=0o644)


def _entries() -> list[Entry]:
    return [Entry(path=RECORDS, mode=0o700), Entry(path=LOGS, mode=0o700), Entry(path="/dpaas"), _program()]
